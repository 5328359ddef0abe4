import type { Queryable } from './connection.ts';
import { TASK_COLUMNS, type TaskRecord } from './tasks.ts';

/** Marks a task of a database as one to be cancelled. @returns undefined unless it was pending or running */
export async function requestCancel(
  db: Queryable,
  input: { taskId: string; databaseId: string },
): Promise<TaskRecord | undefined> {
  const { rows } = await db.query<TaskRecord>(
    `UPDATE tasks SET status = 'canceling'
     WHERE id = $1 AND scope = 'database' AND entity_id = $2 AND status IN ('pending', 'running') RETURNING ${TASK_COLUMNS}`,
    [input.taskId, input.databaseId],
  );
  return rows[0];
}

/** Marks every open task of a database as one to be cancelled. @returns their ids */
export async function requestCancelOfAll(db: Queryable, databaseId: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `UPDATE tasks SET status = 'canceling'
     WHERE scope = 'database' AND entity_id = $1 AND status IN ('pending', 'running', 'canceling') RETURNING id`,
    [databaseId],
  );
  return rows.map(({ id }) => id);
}

/** Tasks of the same database that were accepted before this one and are still open, oldest first. */
export async function listPredecessors(
  db: Queryable,
  task: { taskId: string; databaseId: string },
): Promise<TaskRecord[]> {
  const { rows } = await db.query<TaskRecord>(
    `SELECT ${TASK_COLUMNS} FROM tasks WHERE scope = 'database' AND entity_id = $2 AND id <> $1
       AND epoch < (SELECT epoch FROM tasks WHERE id = $1) AND status IN ('pending', 'running', 'canceling') ORDER BY id`,
    [task.taskId, task.databaseId],
  );
  return rows;
}
