import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { servicesDirectory } from '../../../activities/host/instance-records.ts';
import { SCRIPT_RUNS_TABLE } from '../../../domain/sql/script-runs.ts';
import { containersOf, processesIn } from '../../support/services.ts';
import type { TestStack } from '../../support/stack.ts';

/** Everything that a database leaves its mark on, outside its own record. Equal before and after = nothing is left. */
export interface Survey {
  roles: string[];
  databases: string[];
  containers: string[];
  processes: number[];
  serviceFiles: string[];
  reservedPorts: number;
  credentials: number;
  sharedRoleUsers: number;
  tombstones: number;
  /** Marker rows of scripts in the server's maintenance database. */
  scriptRuns: number;
}

/** Looks at the target server, the host and the metadata database of an installation. */
export async function survey(stack: TestStack): Promise<Survey> {
  const services = servicesDirectory(stack.config.host.dataDir);
  const [
    inventory,
    containers,
    processes,
    serviceFiles,
    reservedPorts,
    credentials,
    sharedRoleUsers,
    tombstones,
    scriptRuns,
  ] = await Promise.all([
    stack.target.inventory(),
    containersOf(stack.control.installationId),
    processesIn(services),
    filesBelow(services),
    countRows(stack, 'ports'),
    countRows(stack, 'credentials'),
    countRows(stack, 'shared_role_users'),
    countRows(stack, 'tombstones'),
    countScriptRuns(stack),
  ]);
  return {
    ...inventory,
    containers,
    processes,
    serviceFiles,
    reservedPorts,
    credentials,
    sharedRoleUsers,
    tombstones,
    scriptRuns,
  };
}

async function countScriptRuns(stack: TestStack): Promise<number> {
  const [table] = await stack.target.query<{ exists: boolean }>(
    `SELECT to_regclass('${SCRIPT_RUNS_TABLE}') IS NOT NULL AS exists`,
  );
  if (!table?.exists) return 0;
  return (await stack.target.query(`SELECT FROM ${SCRIPT_RUNS_TABLE}`)).length;
}

/** Rows of the record itself: they stay with a failed database, and go with a deleted one. */
export async function records(
  stack: TestStack,
): Promise<{ databases: number; instances: number; secrets: number; names: number }> {
  const [databases, instances, names, secrets] = await Promise.all([
    countRows(stack, 'databases'),
    countRows(stack, 'service_instances'),
    countRows(stack, 'database_servers'),
    countRows(stack, "secrets WHERE owner LIKE 'database/%'"),
  ]);
  return { databases, instances, names, secrets };
}

/** What {@link records} gives when no database is known. */
export const NO_RECORDS = { databases: 0, instances: 0, names: 0, secrets: 0 };

async function countRows(stack: TestStack, table: string): Promise<number> {
  const { rows } = await stack.control.db.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
  return rows[0]?.count ?? 0;
}

/** Paths of all files below a directory; none when it does not exist. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}
