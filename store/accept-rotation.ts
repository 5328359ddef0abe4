import { batchRequest, isBatched, type RotatedRole, rotationAudit } from '../domain/rotations/request.ts';
import { nextLogin } from '../domain/rotations/rotation.ts';
import { type AcceptedRequest, insertRequest, newTaskId } from './accepted-requests.ts';
import { insertAudit } from './audit.ts';
import type { Queryable } from './connection.ts';
import { findMaintenance, maintenanceText } from './maintenance.ts';
import {
  findOpenRun,
  findRunOfTrigger,
  insertRun,
  type RotationRun,
  type RunDatabase,
  ranSince,
} from './rotation-runs.ts';
import { lockRotation, otherRotationOf, type RotationRecord, serversOfRole } from './rotations.ts';
import { type StoredSecret, taskSecretId, taskSecretOwner } from './secrets.ts';
import { appendLog } from './tasks.ts';

/** What asks for a run of a rotation. */
export interface RotationTrigger {
  rotationId: string;
  trigger: RotationRun['trigger'];
  /** Names it: the same trigger has one run, however often it is accepted. */
  triggerId: string;
  /** When the schedule wanted it. */
  dueAt: Date | null;
  requestHash: string;
  audit: AcceptedRequest['audit'];
}

/** What acceptance is done with: nothing of it is kept. */
export interface AcceptanceTools {
  makePassword: () => string;
  seal: (identity: Pick<StoredSecret, 'id' | 'owner' | 'version'>, text: string) => StoredSecret;
  /** Names of the two logins of an alternating rotation. */
  loginsOf: (rotation: RotationRecord) => [string, string];
  newId: () => string;
}

/** A run that is to be started; `fresh`: it was not there before. */
interface AcceptedRun {
  state: 'accepted';
  taskId: string;
  runId: string;
  serverName: string;
  batched: boolean;
  fresh: boolean;
}

export type RotationAcceptance =
  | AcceptedRun
  /** Nothing is to be done; why is on record. */
  | { state: 'skipped'; reason: string }
  /** Not now: another operation is under way. Nothing was recorded. */
  | { state: 'busy'; reason: string }
  /** Not now: the run before has set its password, or takes it back, and is not over. Nothing was recorded. */
  | { state: 'ending'; reason: string; run: RotationRun; rotation: RotationRecord }
  /** Not as things are; nothing was recorded. */
  | { state: 'refused'; reason: string }
  | { state: 'gone' };

/**
 * Accepts a run of a rotation, in the caller's transaction: under the locks of the rotation, of its credential (R8) and of the databases
 * whose services log in as the role. Their epoch becomes the task's, so that hosts take the change and older steps change nothing.
 * Whoever asks while a run is under way shares it, as long as its password is not the current one.
 */
export async function acceptRotation(
  tx: Queryable,
  input: RotationTrigger,
  tools: AcceptanceTools,
): Promise<RotationAcceptance> {
  const rotation = await lockRotation(tx, input.rotationId);
  if (rotation === undefined) return { state: 'gone' };
  const earlier = await findRunOfTrigger(tx, input);
  if (earlier !== undefined) return repeated(rotation, earlier);
  const open = await findOpenRun(tx, rotation.id);
  if (open !== undefined) {
    const reason = `the run of task ${open.taskId} is still under way`;
    if (input.trigger === 'schedule') return skip(tx, rotation, input, tools, reason);
    return isShared(open) ? join(tx, rotation, open, input) : { state: 'ending', reason, run: open, rotation };
  }
  if (input.dueAt !== null && (await ranSince(tx, { rotationId: rotation.id, since: input.dueAt }))) {
    return skip(tx, rotation, input, tools, 'a later run has caught it up');
  }
  const servers = await serversOfRole(tx, rotation);
  for (const serverName of servers) {
    const maintenance = await findMaintenance(tx, serverName);
    if (maintenance === undefined) continue;
    const reason = maintenanceText(serverName, maintenance, 'nothing is rotated');
    if (input.trigger === 'schedule') return skip(tx, rotation, input, tools, reason);
    // Of its own server the caller has been told before.
    if (serverName !== rotation.serverName) return { state: 'busy', reason };
  }
  const twin = await otherRotationOf(tx, { roleName: rotation.roleName, servers });
  if (twin !== undefined) {
    const reason = `the same password has another rotation, on server ${twin}: delete one of the two`;
    return { state: 'refused', reason };
  }
  const role = await lockRole(tx, rotation, servers);
  const found = await lockDatabases(tx, rotation);
  const problem = found.find((database) => database.servers > 1 && !database.own);
  if (problem !== undefined) {
    return {
      state: 'refused',
      reason: `services of database ${problem.id}, which is on several servers, log in as the role, and it is no user of that database`,
    };
  }
  const busy = found.find(({ state }) => state !== 'available' && state !== 'degraded');
  if (busy !== undefined) {
    return { state: 'busy', reason: `database ${busy.id}, which the role is one of, is ${busy.state}` };
  }
  return accept(tx, rotation, input, tools, {
    role,
    databases: found.map(({ id, state }) => ({ id, state }) as RunDatabase),
  });
}

async function accept(
  tx: Queryable,
  rotation: RotationRecord,
  input: RotationTrigger,
  tools: AcceptanceTools,
  around: { role: RotatedRole; databases: RunDatabase[] },
): Promise<RotationAcceptance> {
  const { serverName, roleName, strategy } = rotation;
  const previousLogin = rotation.currentLogin ?? roleName;
  const login = nextLogin(strategy, { role: roleName, logins: tools.loginsOf(rotation), current: previousLogin });
  const taskId = newTaskId();
  const password = tools.makePassword();
  const batched = isBatched(rotation, { role: around.role, databases: around.databases.length });
  const work = batched
    ? batchRequest(rotation, around.role, password)
    : { document: {}, options: { rotation: rotation.id, audit: rotationAudit(rotation.id) } };
  const identity = { id: taskSecretId(taskId, login), owner: taskSecretOwner(taskId), version: 1 };
  const known = await insertRequest(tx, {
    taskId,
    serverName,
    type: batched ? 'change_role' : 'rotate_password',
    ...(!batched && { about: rotation.id }),
    requestHash: input.requestHash,
    document: withoutPassword(work.document),
    planHash: null,
    options: work.options,
    secrets: [tools.seal(identity, JSON.stringify({ kind: 'password', password }))],
    audit: { ...input.audit, detail: { server: serverName, role: roleName, strategy, trigger: input.trigger, login } },
  });
  if (!known) return { state: 'gone' };
  const runId = tools.newId();
  await insertRun(tx, {
    id: runId,
    rotationId: rotation.id,
    trigger: input.trigger,
    triggerId: input.triggerId,
    dueAt: input.dueAt,
    taskId,
    skipped: null,
    batched,
    previousLogin,
    login,
    databases: around.databases,
  });
  if (!batched) await takeDatabases(tx, taskId, around.databases);
  return { state: 'accepted', taskId, runId, serverName, batched, fresh: true };
}

/**
 * Whether a request that comes now is served by a run that is under way: nobody was shown its password yet, and none but it will be the
 * current one when it ends.
 */
function isShared({ status, settledAt, undoing }: RotationRun): boolean {
  return settledAt === null && !undoing && status !== 'canceling';
}

/** Rotations of one role that wait together are one rotation (R8); the audit log has everybody who asked. */
async function join(
  tx: Queryable,
  rotation: RotationRecord,
  run: RotationRun,
  { audit }: RotationTrigger,
): Promise<RotationAcceptance> {
  const { serverName, roleName: role, strategy } = rotation;
  const { taskId, login } = run;
  if (taskId === null) throw new Error(`run ${run.id} is under way without a task`);
  const detail = { ...audit.detail, server: serverName, role, strategy, trigger: 'request', login, joined: true };
  await insertAudit(tx, { kind: 'intent', ...audit, ...rotationAudit(rotation.id), taskId, detail });
  await appendLog(tx, { taskId, entries: [{ message: `asked for by ${audit.actor}, too` }] });
  return { state: 'accepted', taskId, runId: run.id, serverName, batched: run.batched, fresh: false };
}

/** Documents are kept without their passwords, which are sealed apart. */
function withoutPassword(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document, (key, value) => (key === 'password' ? undefined : value)));
}

function repeated(rotation: RotationRecord, run: RotationRun): RotationAcceptance {
  if (run.taskId === null) return { state: 'skipped', reason: run.skipped ?? '' };
  const { id: runId, taskId, batched } = run;
  return { state: 'accepted', taskId, runId, serverName: rotation.serverName, batched, fresh: false };
}

async function skip(
  tx: Queryable,
  rotation: RotationRecord,
  input: RotationTrigger,
  tools: AcceptanceTools,
  reason: string,
): Promise<RotationAcceptance> {
  const login = rotation.currentLogin ?? rotation.roleName;
  await insertRun(tx, {
    id: tools.newId(),
    rotationId: rotation.id,
    trigger: input.trigger,
    triggerId: input.triggerId,
    dueAt: input.dueAt,
    taskId: null,
    skipped: reason,
    batched: false,
    previousLogin: login,
    login,
    databases: [],
  });
  return { state: 'skipped', reason };
}

/** Records that a run that was due did not come about. */
export async function skipRun(
  tx: Queryable,
  input: RotationTrigger & { reason: string },
  tools: Pick<AcceptanceTools, 'newId'>,
): Promise<void> {
  const rotation = await lockRotation(tx, input.rotationId);
  if (rotation !== undefined) await skip(tx, rotation, input, tools as AcceptanceTools, input.reason);
}

/** Every family locks the row of a role that it changes (R8). */
async function lockRole(
  tx: Queryable,
  { serverName, roleName }: RotationRecord,
  servers: readonly string[],
): Promise<RotatedRole> {
  const { rows } = await tx.query<{ serverName: string; owner: string }>(
    `SELECT server_name AS "serverName", owner FROM credentials WHERE server_name = ANY ($1) AND role_name = $2
     ORDER BY server_name FOR UPDATE`,
    [servers, roleName],
  );
  const owner = rows.find((row) => row.serverName === serverName)?.owner ?? null;
  if (owner === null || !owner.startsWith('cluster/')) return { owner, cluster: null };
  const { rows: roles } = await tx.query<{ clusterId: string; accountId: string | null }>(
    `SELECT cluster_id AS "clusterId", account_id AS "accountId" FROM cluster_roles
     WHERE server_name = $1 AND name = $2 AND deleted_at IS NULL`,
    [serverName, roleName],
  );
  const [found] = roles;
  return { owner, cluster: found === undefined ? null : { ...found, superuser: roleName === 'postgres' } };
}

/** Databases on the server whose services log in as the role, and the one that it belongs to, locked in the order of their ids. */
async function lockDatabases(
  tx: Queryable,
  { serverName, roleName }: RotationRecord,
): Promise<{ id: string; state: string; own: boolean; servers: number }[]> {
  const { rows } = await tx.query<{ id: string; state: string; own: boolean; servers: number }>(
    `SELECT d.id, d.state,
       d.id IS NOT DISTINCT FROM (SELECT database_id FROM credentials WHERE server_name = $1 AND role_name = $2) AS own, (SELECT count(DISTINCT s.server_name)::int FROM database_servers s WHERE s.database_id = d.id) AS servers
     FROM databases d
     WHERE d.id IN (SELECT database_id FROM database_servers WHERE server_name = $1)
       AND (d.spec @> jsonb_build_object('services', jsonb_build_array(jsonb_build_object('connect_as', $2::text)))
         OR d.id = (SELECT database_id FROM credentials WHERE server_name = $1 AND role_name = $2))
     ORDER BY d.id FOR UPDATE OF d`,
    [serverName, roleName],
  );
  return rows;
}

async function takeDatabases(tx: Queryable, taskId: string, databases: readonly RunDatabase[]): Promise<void> {
  const { rows } = await tx.query<{ epoch: string }>(
    `UPDATE tasks SET epoch = nextval('epochs') WHERE id = $1 RETURNING epoch::text`,
    [taskId],
  );
  await tx.query(
    `UPDATE databases SET state = 'modifying', epoch = $2, updated_at = now() WHERE id = ANY ($1::text[])`,
    [databases.map(({ id }) => id), rows[0]?.epoch],
  );
}
