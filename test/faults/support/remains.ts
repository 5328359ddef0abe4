import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { servicesDirectory } from '../../../activities/host/instance-records.ts';
import { LABELS } from '../../../platform/runtime/docker-container.ts';
import { processesIn } from '../../support/services.ts';
import type { TestStack } from '../../support/stack.ts';
import { databaseNameOf } from './request.ts';

/**
 * Everything that exists anywhere for a database id, apart from its own record and tasks: roles, databases, rows that
 * take names or ports, tombstones, files, processes, containers, listeners. Empty when nothing is left.
 */
export async function remainsOf(stack: TestStack, id: string): Promise<string[]> {
  const found = await Promise.all([onServer(stack, id), inMetadata(stack, id), onHost(stack, id), running(stack, id)]);
  return found.flat();
}

async function onServer(stack: TestStack, id: string): Promise<string[]> {
  const name = databaseNameOf(id);
  const tasks = await stack.control.db.query<{ id: string }>('SELECT id FROM tasks WHERE entity_id = $1', [id]);
  const temporary = tasks.rows.map((task) => `pgst_${task.id}`);
  const { roles, databases } = await stack.target.inventory();
  return [
    ...roles.filter((role) => role.startsWith(`${name}_`)).map((role) => `role ${role}`),
    ...databases.filter((each) => each === name || temporary.includes(each)).map((each) => `database ${each}`),
  ];
}

async function inMetadata(stack: TestStack, id: string): Promise<string[]> {
  const tables = ['ports', 'credentials', 'shared_role_users', 'tombstones'];
  const counts = await Promise.all(
    tables.map(async (table) => {
      const { rowCount } = await stack.control.db.query(`SELECT FROM ${table} WHERE database_id = $1`, [id]);
      return rowCount === 0 ? [] : [`${rowCount} rows of ${table}`];
    }),
  );
  return counts.flat();
}

async function onHost(stack: TestStack, id: string): Promise<string[]> {
  const names = await readdir(servicesDirectory(stack.config.host.dataDir));
  return names.filter((name) => name.startsWith(`${id}-api-`)).map((name) => `files of ${name}`);
}

/** Processes that were started with files of the database's instances, and this installation's containers for it. */
async function running(stack: TestStack, id: string): Promise<string[]> {
  const instance = `${id}-api-host-1`;
  const pids = await processesIn(join(servicesDirectory(stack.config.host.dataDir), instance));
  const containers = stack.config.host.runtime === 'docker' ? await containersOf(stack, id) : [];
  return [...pids.map((pid) => `process ${pid}`), ...containers];
}

/** Containers of an installation for a database, running or not. */
async function containersOf(stack: TestStack, id: string): Promise<string[]> {
  const label = [`${LABELS.installation}=${stack.control.installationId}`, `${LABELS.database}=${id}`];
  const found = await new Docker().listContainers({ all: true, filters: { label } });
  return found.map(({ Id, State }) => `container ${Id} ${State}`);
}
