import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from './connection.ts';

export type TaskStatus = 'pending' | 'running' | 'completed' | 'failed' | 'canceling' | 'canceled';
/** Task types of the contract that this control plane performs, and its own ones on whole servers. */
export type TaskType = 'create' | 'delete' | 'switchover' | ServerTaskType;
/** `apply_roles`: a document; `change_role`: a request that is carried out in a batch; `drop_role`: a proven drop. */
export type ServerTaskType = 'apply_roles' | 'change_role' | 'drop_role';

/** One accepted operation. */
export interface TaskRecord {
  id: string;
  scope: 'database' | 'host' | 'server';
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
}

const COLUMNS = `id, scope, entity_id AS "entityId", database_id AS "databaseId", host_id AS "hostId", type, status, epoch,
  workflow_type AS "workflowType", workflow_id AS "workflowId", request_hash AS "requestHash", actor, error,
  created_at AS "createdAt", started_at AS "startedAt", completed_at AS "completedAt", batch_id AS "batchId"`;

/** Inserts a pending task; its id is a UUIDv7, so that ids sort by time. */
export async function insertTask(
  db: Queryable,
  input: {
    /** What the task is about: a database, or a whole server. */
    scope: 'database' | 'server';
    /** Id of the database, or name of the server. */
    entityId: string;
    type: TaskType;
    epoch: number;
    workflowType: string;
    /** Workflow ids are `<kind>/<resource>/<task id>`. */
    workflowKind: string;
    requestHash?: string;
    actor: string;
  },
): Promise<TaskRecord> {
  const id = uuidv7();
  const { rows } = await db.query<TaskRecord>(
    `INSERT INTO tasks (id, scope, entity_id, database_id, type, status, epoch, workflow_type, workflow_id, request_hash, actor)
     VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`,
    [
      id,
      input.scope,
      input.entityId,
      input.scope === 'database' ? input.entityId : null,
      input.type,
      input.epoch,
      input.workflowType,
      `${input.workflowKind}/${input.entityId}/${id}`,
      input.requestHash ?? null,
      input.actor,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('INSERT INTO tasks returned no row');
  return row;
}

export async function findTask(
  db: Queryable,
  input: { taskId: string; databaseId?: string; serverName?: string },
): Promise<TaskRecord | undefined> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${COLUMNS} FROM tasks WHERE id = $1 AND ($2::text IS NULL OR database_id = $2)
       AND ($3::text IS NULL OR (scope = 'server' AND entity_id = $3))`,
    [input.taskId, input.databaseId ?? null, input.serverName ?? null],
  );
  return rows[0];
}

/** The task that is under way for a database, where one is. */
export async function findOpenTask(db: Queryable, databaseId: string): Promise<TaskRecord | undefined> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${COLUMNS} FROM tasks
     WHERE scope = 'database' AND entity_id = $1 AND status IN ('pending', 'running', 'canceling')
     ORDER BY id DESC LIMIT 1`,
    [databaseId],
  );
  return rows[0];
}

/** A page of the tasks of one database or server. `afterTaskId` is exclusive in the direction chosen. */
export async function listTasks(
  db: Queryable,
  input: {
    scope: 'database' | 'server';
    entityId: string;
    order: 'asc' | 'desc';
    afterTaskId?: string;
    limit: number;
  },
): Promise<TaskRecord[]> {
  const ascending = input.order === 'asc';
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${COLUMNS} FROM tasks
     WHERE scope = $4 AND entity_id = $1 AND ($2::uuid IS NULL OR id ${ascending ? '>' : '<'} $2)
     ORDER BY id ${ascending ? 'ASC' : 'DESC'} LIMIT $3`,
    [input.entityId, input.afterTaskId ?? null, input.limit, input.scope],
  );
  return rows;
}

/** Ids of every task that is kept for a database. */
export async function listTaskIds(db: Queryable, databaseId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>('SELECT id FROM tasks WHERE database_id = $1', [databaseId]);
  return rows.map((row) => row.id);
}

/** Tasks with a run of their own that are not closed and were accepted at least `olderThanMs` ago, oldest first. */
export async function listOpenTasks(
  db: Queryable,
  input: { olderThanMs: number; limit: number },
): Promise<TaskRecord[]> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${COLUMNS} FROM tasks WHERE status IN ('pending', 'running', 'canceling') AND type <> 'change_role'
       AND created_at <= now() - make_interval(secs => $1 / 1000.0) ORDER BY created_at LIMIT $2`,
    [input.olderThanMs, input.limit],
  );
  return rows;
}

/** Marks a task running. @returns false when the task is closed already. */
export async function startTask(db: Queryable, taskId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE tasks SET status = CASE status WHEN 'pending' THEN 'running' ELSE status END,
            started_at = coalesce(started_at, now())
     WHERE id = $1 AND status IN ('pending', 'running', 'canceling')`,
    [taskId],
  );
  return rowCount === 1;
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

/** Closes a task. @returns false when it was closed before: the caller's outcome is not the one that counts. */
export async function closeTask(
  db: Queryable,
  input: { taskId: string; status: 'completed' | 'failed' | 'canceled'; error?: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE tasks SET status = $2, error = $3, completed_at = now()
     WHERE id = $1 AND status IN ('pending', 'running', 'canceling')`,
    [input.taskId, input.status, input.error ?? null],
  );
  return rowCount === 1;
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

export async function appendLog(
  db: Queryable,
  input: { taskId: string; entries: { message: string; fields?: Record<string, unknown>; at?: string }[] },
): Promise<void> {
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
