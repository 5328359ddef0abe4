import type pg from 'pg';
import { countByPlace, totalOf } from '../../../domain/access/drop/dependents.ts';
import { type DropFacts, majorOf } from '../../../domain/access/drop/facts.ts';
import { defaultHeirName, heirComment, heirProblem } from '../../../domain/access/drop/heir.ts';
import { type DropRequest, parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import { createHeir } from '../../../domain/sql/drop-role.ts';
import { listDependents } from '../../../platform/target/catalog/shdepend.ts';
import type { ConnectionLease, LeasedConnection } from '../../../platform/target/target-server.ts';
import { noteRoles } from '../../../store/credentials.ts';
import type { ServerWork } from '../../../store/server-work.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type ClearedDatabase, clearDatabase } from './clear-database.ts';
import { noteCleared } from './cleared.ts';
import { readFacts } from './preview-drop.ts';
import { loadSubject, underLocks } from './subject.ts';

/** One connection holds the locks, the other works. */
const CONNECTIONS = 2;
/** Thousands of objects change hands in one statement. */
const STATEMENT_TIMEOUT_MS = 300_000;

/** Hands on what the role owns and ends its rights, one transaction per database where something of it is. */
export function reassignOwned(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'reassignOwned' }, async (context) => {
    const { oid } = await loadSubject(deps, input.taskId);
    if (oid !== null) await clearEverywhere(deps, context, oid);
  });
}

/** Repeated, it finds done what was done, and does what has come up since. */
export async function clearEverywhere(deps: ControlDeps, context: StepContext<ServerWork>, oid: number): Promise<void> {
  const { serverName, document } = context.work;
  const request = parseDropDocument(document);
  const server = await deps.targets.get(serverName);
  const look = context.session(`looking for what is left of role "${request.role}"`);
  for (const database of await server.onMaintenance(look, (client) =>
    placesOf(client, oid, server.address.maintenanceDb),
  )) {
    const session = {
      ...context.session(`ending the rights of role "${request.role}" in database "${database}"`),
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    };
    const keys = [
      `role:${request.role}`,
      `role:${request.heir ?? defaultHeirName(oid)}`,
      `database:${database}`,
      `contents:${database}`,
    ];
    await underLocks(server, { session, keys, connections: CONNECTIONS }, async (control, lease) => {
      await context.assertHolds();
      await clearOne(deps, context, { control, lease, request, oid, database });
    });
  }
}

/** Databases where something of the role is; the maintenance database comes first where it is on objects of the whole server. */
async function placesOf(client: pg.ClientBase, oid: number, maintenanceDb: string): Promise<string[]> {
  const places = countByPlace(await listDependents(client, oid));
  return [...new Set(places.map(({ database }) => database ?? maintenanceDb))];
}

async function clearOne(
  deps: ControlDeps,
  context: StepContext<ServerWork>,
  of: { control: LeasedConnection; lease: ConnectionLease; request: DropRequest; oid: number; database: string },
): Promise<void> {
  const { control, request, oid, database } = of;
  const facts = await readFacts(control.client, { role: request.role, oid, heir: request.heir });
  const { role, admin } = facts;
  if (role === null) return;
  const heir = await ensureHeir(deps, context, { control, facts, request, database });
  const cleared = noteCleared(context, database);
  const connection = await of.lease.connect({ database });
  let done: ClearedDatabase | undefined;
  await connection.transaction(async (client) => {
    done = await clearDatabase(client, {
      role: { oid, name: role.name, admin, major: majorOf(facts.versionNum) },
      heir,
      before: (planned) => cleared.planned(planned),
    });
    // A lock connection that broke has given its locks back: somebody else may be at work.
    await control.client.query('SELECT 1');
  });
  if (done === undefined) return;
  await cleared.confirmed(done);
  await appendLog(deps.db, {
    taskId: context.work.taskId,
    entries: [{ message: `ended the rights of role "${role.name}" in database "${database}"`, fields: { ...done } }],
  });
}

/** Makes the heir where it is needed and not there. @returns its name @throws Failure NotAllowed for one that cannot inherit */
async function ensureHeir(
  deps: ControlDeps,
  context: StepContext<ServerWork>,
  of: { control: LeasedConnection; facts: DropFacts; request: DropRequest; database: string },
): Promise<string> {
  const { control, facts, request, database } = of;
  const { installationId } = deps;
  const { role } = facts;
  if (role === null) throw new Error('the role is gone');
  const name = request.heir ?? defaultHeirName(role.oid);
  const places = countByPlace(await listDependents(control.client, role.oid));
  const owns = places.some((place) => [null, database].includes(place.database) && totalOf(place.owns) > 0);
  if (!owns) return name;
  const problem = heirProblem({ facts, named: request.heir, installationId });
  if (problem !== undefined)
    throw new Failure('NotAllowed', `what role "${role.name}" owns cannot go to this heir: ${problem}`);
  if (facts.heir !== null) return name;
  await context.note({ heir: name });
  const oid = await control.transaction(async (client) => {
    await client.query(createHeir({ name, comment: heirComment(installationId, role.name) }));
    const { rows } = await client.query<{ oid: number }>('SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1', [
      name,
    ]);
    return rows[0]?.oid;
  });
  if (oid !== undefined) {
    await noteRoles(deps.db, { serverName: context.work.serverName, roles: [{ roleName: name, oid }] });
  }
  return name;
}
