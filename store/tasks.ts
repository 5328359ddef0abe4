import { v7 as uuidv7 } from 'uuid';
import { HELD_WORKFLOW } from '../domain/task-workflows.ts';
import { unapproved } from './approvals.ts';
import { afterCommit, type Queryable } from './connection.ts';
import { CHANNELS } from './signals.ts';
import { taskEvents } from './task-events.ts';

export type TaskStatus = 'pending' | 'running' | 'completed' | 'failed' | 'canceling' | 'canceled';
/** Task types of the contract that this control plane performs, and its own ones on whole servers. */
export type TaskType = DatabaseTaskType | ServerTaskType;
/** Operations on a managed database. */
export type DatabaseTaskType = 'create' | 'update' | 'delete' | 'switchover';
/**
 * `apply_roles`: a document; `change_role`: a request that is carried out in a batch; `drop_role`: a proven drop; `check_drift`: a look;
 * `rotate_password`: a run of a rotation that is not carried out in a batch.
 */
export type ServerTaskType = 'apply_roles' | 'change_role' | 'drop_role' | 'check_drift' | 'rotate_password';

/** What a task is about: a managed database, a host, or a whole server. */
export type TaskScope = 'database' | 'host' | 'server';

/** One accepted operation. */
export interface TaskRecord {
  id: string;
  scope: TaskScope;
  entityId: string;
  databaseId: string | null;
  hostId: string | null;
  type: TaskType;
  status: TaskStatus;
  epoch: number;
  workflowType: string;
  workflowId: string;
  requestHash: string | null;
  actor: string;
  error: string | null;
  createdAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
  /** Batch that carries it out together with others. */
  batchId: string | null;
  /** A delete that ends what is under way. */
  forced: boolean;
}

/** Columns of {@link TaskRecord}. */
export const TASK_COLUMNS = `id, scope, entity_id AS "entityId", database_id AS "databaseId", host_id AS "hostId", type, status, epoch,
  workflow_type AS "workflowType", workflow_id AS "workflowId", request_hash AS "requestHash", actor, error,
  created_at AS "createdAt", started_at AS "startedAt", completed_at AS "completedAt", batch_id AS "batchId", forced`;

/** Inserts a pending task; its id is a UUIDv7, so that ids sort by time. */
export async function insertTask(
  db: Queryable,
  input: {
    scope: TaskScope;
    /** Id of the database or host, or name of the server. */
    entityId: string;
    type: TaskType;
    epoch: number;
    workflowType: string;
    /** Workflow ids are `<kind>/<resource>/<task id>`. */
    workflowKind: string;
    requestHash?: string;
    actor: string;
    forced?: boolean;
  },
): Promise<TaskRecord> {
  const id = uuidv7();
  const { rows } = await db.query<TaskRecord>(
    `INSERT INTO tasks (id, scope, entity_id, database_id, host_id, type, status, epoch, workflow_type, workflow_id, request_hash, actor,
       forced)
     VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9, $10, $11, $12) RETURNING ${TASK_COLUMNS}`,
    [
      id,
      input.scope,
      input.entityId,
      input.scope === 'database' ? input.entityId : null,
      input.scope === 'host' ? input.entityId : null,
      input.type,
      input.epoch,
      input.workflowType,
      `${input.workflowKind}/${input.entityId}/${id}`,
      input.requestHash ?? null,
      input.actor,
      input.forced ?? false,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('INSERT INTO tasks returned no row');
  afterCommit(() => taskEvents.emit('accepted', { type: row.type }));
  return row;
}

export async function findTask(
  db: Queryable,
  input: { taskId: string; databaseId?: string; serverName?: string; hostId?: string },
): Promise<TaskRecord | undefined> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${TASK_COLUMNS} FROM tasks WHERE id = $1 AND ($2::text IS NULL OR database_id = $2)
       AND ($3::text IS NULL OR (scope = 'server' AND entity_id = $3))
       AND ($4::text IS NULL OR (scope = 'host' AND entity_id = $4))`,
    [input.taskId, input.databaseId ?? null, input.serverName ?? null, input.hostId ?? null],
  );
  return rows[0];
}

/** The task that is under way for a database, where one is. */
export async function findOpenTask(db: Queryable, databaseId: string): Promise<TaskRecord | undefined> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${TASK_COLUMNS} FROM tasks
     WHERE scope = 'database' AND entity_id = $1 AND status IN ('pending', 'running', 'canceling')
     ORDER BY id DESC LIMIT 1`,
    [databaseId],
  );
  return rows[0];
}

/** Which tasks a list is of. */
export interface TaskFilter {
  scope: TaskScope;
  /** Id of the database or host, or name of the server. */
  entityId?: string;
}

/** A page of tasks. `afterTaskId` is exclusive in the direction chosen. Without a filter, those of all databases and hosts. */
export async function listTasks(
  db: Queryable,
  input: {
    filter?: TaskFilter;
    order: 'asc' | 'desc';
    afterTaskId?: string | undefined;
    limit: number;
    /** Only of these. */
    entityIds?: readonly string[] | undefined;
  },
): Promise<TaskRecord[]> {
  const [comparison, direction] = input.order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  // The scopes as text, so that the partial index over them is found.
  const scope = input.filter === undefined ? `scope IN ('database', 'host')` : `scope = '${input.filter.scope}'`;
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${TASK_COLUMNS} FROM tasks
     WHERE ${scope} AND ($1::text IS NULL OR entity_id = $1) AND ($2::uuid IS NULL OR id ${comparison} $2)
       AND ($4::text[] IS NULL OR entity_id = ANY ($4))
     ORDER BY id ${direction} LIMIT $3`,
    [input.filter?.entityId ?? null, input.afterTaskId ?? null, input.limit, input.entityIds ?? null],
  );
  return rows;
}

/** Ids of every task that is kept for a database. */
export async function listTaskIds(db: Queryable, databaseId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>('SELECT id FROM tasks WHERE database_id = $1', [databaseId]);
  return rows.map((row) => row.id);
}

/**
 * Tasks with a run of their own that are not closed and were accepted at least `olderThanMs` ago, oldest first; those that wait for
 * approval come last, for they may be many and wait for weeks.
 */
export async function listOpenTasks(
  db: Queryable,
  input: { olderThanMs: number; limit: number },
): Promise<TaskRecord[]> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${TASK_COLUMNS} FROM tasks WHERE status IN ('pending', 'running', 'canceling') AND type <> 'change_role'
       AND created_at <= now() - make_interval(secs => $1 / 1000.0)
     ORDER BY status = 'pending' AND workflow_type = '${HELD_WORKFLOW.workflowType}', created_at LIMIT $2`,
    [input.olderThanMs, input.limit],
  );
  return rows;
}

/**
 * Marks a task running; one that is to be cancelled stays so.
 * @returns undefined when the task is closed already, or waits for approval
 */
export async function startTask(db: Queryable, taskId: string): Promise<'running' | 'canceling' | undefined> {
  const { rows } = await db.query<{ status: 'running' | 'canceling' }>(
    `UPDATE tasks SET status = CASE status WHEN 'pending' THEN 'running' ELSE status END,
            started_at = coalesce(started_at, now())
     WHERE id = $1 AND status IN ('pending', 'running', 'canceling') AND (status = 'canceling' OR NOT ${unapproved('tasks.id')})
     RETURNING status`,
    [taskId],
  );
  return rows[0]?.status;
}

/**
 * Ends the forward part of an open task for good: its steps that are still under way somewhere, in a worker that was taken
 * for dead or of a run that is gone, change nothing any more (R9).
 * @returns false when the task is closed already, and nothing of it may be undone
 */
export async function beginUndo(db: Queryable, taskId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE tasks SET undo_began_at = coalesce(undo_began_at, now())
     WHERE id = $1 AND status IN ('pending', 'running', 'canceling')`,
    [taskId],
  );
  return rowCount === 1;
}

/** How the audit log calls the operation of a task, such as `database.create`. */
export function auditAction(task: Pick<TaskRecord, 'scope' | 'type'>): string {
  return `${task.scope}.${task.type}`;
}

/** Seconds that a task which is being closed has taken since its acceptance; the clock may have been set back meanwhile. */
export const SECONDS_TAKEN = `greatest(extract(epoch FROM clock_timestamp() - tasks.created_at), 0)::float8`;

/** How a task can end. */
export type TaskOutcome = Extract<TaskStatus, 'completed' | 'failed' | 'canceled'>;

/**
 * Closes a task, and tells those who wait for its end once the transaction commits. A task that was to be cancelled and did not
 * complete is cancelled, whatever came first. An approval of it is used up with it.
 * @returns how it ended; undefined when it was closed before, and the caller's outcome is not the one that counts
 */
export async function closeTask(
  db: Queryable,
  input: { taskId: string; status: TaskOutcome; error?: string },
): Promise<TaskOutcome | undefined> {
  const { rows } = await db.query<{ status: TaskOutcome; type: TaskType; seconds: number }>(
    `WITH closed AS (
       UPDATE tasks SET status = CASE WHEN status = 'canceling' AND $2 = 'failed' THEN 'canceled' ELSE $2::text END,
              error = $3, completed_at = now()
       WHERE id = $1 AND status IN ('pending', 'running', 'canceling')
       RETURNING id, status, type, ${SECONDS_TAKEN} AS seconds
     ), approval AS (
       UPDATE approvals a SET state = CASE closed.status WHEN 'completed' THEN 'executed' ELSE 'void' END, state_reason = $3,
              decided_at = coalesce(a.decided_at, now())
       FROM closed WHERE a.task_id = closed.id AND a.state IN ('pending', 'approved')
     )
     SELECT status, type, seconds, pg_notify('${CHANNELS.ended}', id::text) FROM closed`,
    [input.taskId, input.status, input.error ?? null],
  );
  const [closed] = rows;
  if (closed === undefined) return undefined;
  const { type, status: outcome, seconds } = closed;
  afterCommit(() => taskEvents.emit('ended', { type, outcome, seconds }));
  return outcome;
}

/** Wipes the tasks of an earlier database of the same id, when that id is created again. */
export async function deleteTasksOf(db: Queryable, databaseId: string): Promise<void> {
  await db.query(`DELETE FROM tasks WHERE scope = 'database' AND entity_id = $1`, [databaseId]);
}

/** One line of a task's log. */
export interface LogEntry {
  id: string;
  loggedAt: Date;
  message: string;
  fields: Record<string, unknown> | null;
}

/** A line that is to be written. */
export interface LogLine {
  message: string;
  fields?: Record<string, unknown>;
  at?: string;
}

export async function appendLog(db: Queryable, input: { taskId: string; entries: readonly LogLine[] }): Promise<void> {
  if (input.entries.length === 0) return;
  await db.query(
    `INSERT INTO task_log (id, task_id, logged_at, message, fields)
     SELECT entry.id, $1, coalesce(entry.at, now()), entry.message, entry.fields
     FROM jsonb_to_recordset($2) AS entry (id uuid, at timestamptz, message text, fields jsonb)`,
    [input.taskId, JSON.stringify(input.entries.map((entry) => ({ id: uuidv7(), ...entry })))],
  );
}

/** The newest `limit` entries after `afterEntryId`, oldest first. */
export async function listLog(
  db: Queryable,
  input: { taskId: string; afterEntryId?: string; limit: number },
): Promise<LogEntry[]> {
  const { rows } = await db.query<LogEntry>(
    `SELECT * FROM (
       SELECT id, logged_at AS "loggedAt", message, fields FROM task_log
       WHERE task_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id DESC LIMIT $3
     ) AS newest ORDER BY id`,
    [input.taskId, input.afterEntryId ?? null, input.limit],
  );
  return rows;
}

/** Id of a task's newest log entry. */
export async function lastLogEntryId(db: Queryable, taskId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM task_log WHERE task_id = $1 ORDER BY id DESC LIMIT 1',
    [taskId],
  );
  return rows[0]?.id;
}
