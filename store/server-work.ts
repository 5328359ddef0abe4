import type { AccessOptions } from '../domain/access/request-options.ts';
import type { RoleFlavor } from '../domain/clusters/flavors.ts';
import { Failure, type FailureType } from '../domain/failures.ts';
import type { PlannedGroup } from '../domain/users/group-document.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { auditAction, type ServerTaskType, type TaskRecord } from './tasks.ts';

/** Everything that was accepted for a task on a server: activities act on this, never on workflow arguments (R13). */
export interface ServerWork {
  taskId: string;
  type: ServerTaskType;
  epoch: number;
  serverName: string;
  actor: string;
  /** As submitted, without passwords. */
  document: unknown;
  planHash: string | null;
  options: AccessOptions;
  createdAt: Date;
}

/** Columns of {@link ServerWork}, of `tasks t` and `access_requests r`. */
export const WORK_COLUMNS = `t.id AS "taskId", t.type, t.epoch, t.entity_id AS "serverName", t.actor, r.document,
  r.plan_hash AS "planHash", r.options, t.created_at AS "createdAt"`;

const LOAD_WORK = prepared(
  'load_server_work',
  `SELECT ${WORK_COLUMNS} FROM tasks t JOIN access_requests r ON r.task_id = t.id WHERE t.id = $1 AND t.scope = 'server'`,
);

/** @throws StaleTask when the task is unknown */
export async function loadServerWork(db: Queryable, taskId: string): Promise<ServerWork> {
  const { rows } = await db.query<ServerWork>(LOAD_WORK([taskId]));
  if (rows[0] === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown`);
  return rows[0];
}

/** Open requests of a batch, oldest first. */
export async function loadBatchWork(db: Queryable, batchId: string): Promise<ServerWork[]> {
  const { rows } = await db.query<ServerWork>(
    `SELECT ${WORK_COLUMNS} FROM tasks t JOIN access_requests r ON r.task_id = t.id
     WHERE t.batch_id = $1 AND t.status IN ('pending', 'running', 'canceling') ORDER BY t.id`,
    [batchId],
  );
  return rows;
}

/** Adds to what came of a request. */
export async function noteResults(
  db: Queryable,
  results: readonly { taskId: string; result: AccessResult }[],
): Promise<void> {
  if (results.length === 0) return;
  await db.query(
    `UPDATE access_requests r SET result = coalesce(r.result, '{}') || n.result
     FROM jsonb_to_recordset($1) AS n ("taskId" uuid, result jsonb) WHERE r.task_id = n."taskId"`,
    [JSON.stringify(results)],
  );
}

/** What came of a request, as far as it is known. */
export interface AccessResult {
  /** Roles that the request made. */
  created?: string[];
  /** Roles whose password it set. */
  passwords_set?: string[];
  /** What the server stored was compared with what was sent; false: only a login proves it. */
  passwords_compared?: boolean;
  /** Roles whose password was sent as it is, because the server's setting allows it. */
  passwords_in_plain_text?: string[];
  steps?: string[];
  /** The role that was to be made was there: nothing was changed. */
  existed?: boolean;
  /** The role that was to be changed is not there. */
  missing?: boolean;
  /** Task of another caller's same request, which was carried out for this one, too; its password counts. */
  shared_with?: string;
  /** Sessions that were ended; `sessions_left` are told to end and had not yet. */
  sessions_ended?: number;
  sessions_left?: number;
  /** Group roles whose rights were seen to. */
  groups?: PlannedGroup[];
  /** Roles whose later objects are not covered by what was granted. */
  uncovered?: string[];
  /** The role of a cluster, as it was left. */
  cluster_role?: { flavor: RoleFlavor; password_set: boolean };
  failure?: FailureType;
  [key: string]: unknown;
}

/** What came of a request so far. */
export async function findResult(db: Queryable, taskId: string): Promise<AccessResult | undefined> {
  const { rows } = await db.query<{ result: AccessResult | null }>(
    'SELECT result FROM access_requests WHERE task_id = $1',
    [taskId],
  );
  return rows[0]?.result ?? undefined;
}

/** What the audit log calls a task and what it is about: as its acceptance was called. */
export async function auditNameOf(
  db: Queryable,
  task: Pick<TaskRecord, 'id' | 'scope' | 'type' | 'entityId'>,
): Promise<{ action: string; resource: string }> {
  const own = { action: auditAction(task), resource: `${task.scope}/${task.entityId}` };
  if (task.scope !== 'server') return own;
  const { rows } = await db.query<{ audit: { action: string; resource: string } | null }>(
    `SELECT options -> 'audit' AS audit FROM access_requests WHERE task_id = $1`,
    [task.id],
  );
  return rows[0]?.audit ?? own;
}
