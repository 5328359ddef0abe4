import type { Queryable } from './connection.ts';
import type { TaskStatus } from './tasks.ts';

/** A database whose services log in as the role, and its state before the run. */
export interface RunDatabase {
  id: string;
  state: 'available' | 'degraded';
}

/** One run of a rotation, with its task. */
export interface RotationRun {
  id: string;
  rotationId: string;
  trigger: 'schedule' | 'request';
  triggerId: string;
  dueAt: Date | null;
  taskId: string | null;
  skipped: string | null;
  batched: boolean;
  previousLogin: string;
  login: string;
  databases: RunDatabase[];
  settledAt: Date | null;
  /** Nothing new is done any more: it is being taken back. */
  undoing: boolean;
  measured: Record<string, number>;
  createdAt: Date;
  status: TaskStatus | null;
  error: string | null;
  completedAt: Date | null;
}

const COLUMNS = `u.id, u.rotation_id AS "rotationId", u.trigger, u.trigger_id AS "triggerId", u.due_at AS "dueAt", u.task_id AS "taskId",
  u.skipped, u.batched, u.previous_login AS "previousLogin", u.login, u.databases, u.settled_at AS "settledAt", u.measured,
  u.created_at AS "createdAt", t.undo_began_at IS NOT NULL AS undoing, t.status, t.error, t.completed_at AS "completedAt"`;
const FROM = 'rotation_runs u LEFT JOIN tasks t ON t.id = u.task_id';

/** @returns false when the trigger has its run already */
export async function insertRun(
  tx: Queryable,
  run: Pick<
    RotationRun,
    | 'id'
    | 'rotationId'
    | 'trigger'
    | 'triggerId'
    | 'dueAt'
    | 'taskId'
    | 'skipped'
    | 'batched'
    | 'previousLogin'
    | 'login'
  > & { databases: RunDatabase[] },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `INSERT INTO rotation_runs (id, rotation_id, trigger, trigger_id, due_at, task_id, skipped, batched, previous_login, login,
       databases)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (rotation_id, trigger_id) DO NOTHING`,
    [
      run.id,
      run.rotationId,
      run.trigger,
      run.triggerId,
      run.dueAt,
      run.taskId,
      run.skipped,
      run.batched,
      run.previousLogin,
      run.login,
      JSON.stringify(run.databases),
    ],
  );
  return rowCount === 1;
}

export async function findRunOfTrigger(
  db: Queryable,
  of: { rotationId: string; triggerId: string },
): Promise<RotationRun | undefined> {
  const { rows } = await db.query<RotationRun>(
    `SELECT ${COLUMNS} FROM ${FROM} WHERE u.rotation_id = $1 AND u.trigger_id = $2`,
    [of.rotationId, of.triggerId],
  );
  return rows[0];
}

export async function findRunOfTask(db: Queryable, taskId: string): Promise<RotationRun | undefined> {
  const { rows } = await db.query<RotationRun>(`SELECT ${COLUMNS} FROM ${FROM} WHERE u.task_id = $1`, [taskId]);
  return rows[0];
}

/** The run of a rotation that is under way, where one is. */
export async function findOpenRun(db: Queryable, rotationId: string): Promise<RotationRun | undefined> {
  const { rows } = await db.query<RotationRun>(
    `SELECT ${COLUMNS} FROM ${FROM}
     WHERE u.rotation_id = $1 AND t.status IN ('pending', 'running', 'canceling') LIMIT 1`,
    [rotationId],
  );
  return rows[0];
}

/** Whether a run was accepted at or after a moment: then what was due before it has been caught up. */
export async function ranSince(db: Queryable, of: { rotationId: string; since: Date }): Promise<boolean> {
  const { rowCount } = await db.query(
    'SELECT FROM rotation_runs WHERE rotation_id = $1 AND task_id IS NOT NULL AND created_at >= $2 LIMIT 1',
    [of.rotationId, of.since],
  );
  return (rowCount ?? 0) > 0;
}

/** Newest runs first. `afterId` is exclusive. */
export async function listRuns(
  db: Queryable,
  of: { rotationId: string; afterId?: string | undefined; limit: number },
): Promise<RotationRun[]> {
  const { rows } = await db.query<RotationRun>(
    `SELECT ${COLUMNS} FROM ${FROM} WHERE u.rotation_id = $1 AND ($2::uuid IS NULL OR u.id < $2)
     ORDER BY u.id DESC LIMIT $3`,
    [of.rotationId, of.afterId ?? null, of.limit],
  );
  return rows;
}

/** The newest run with a task of each rotation. */
export async function lastRuns(db: Queryable, rotationIds: readonly string[]): Promise<Map<string, RotationRun>> {
  const { rows } = await db.query<RotationRun>(
    `SELECT last.* FROM unnest($1::uuid[]) AS wanted (rotation), LATERAL (
       SELECT ${COLUMNS} FROM ${FROM} WHERE u.rotation_id = rotation AND u.task_id IS NOT NULL ORDER BY u.id DESC LIMIT 1
     ) AS last`,
    [rotationIds],
  );
  return new Map(rows.map((run) => [run.rotationId, run]));
}

/** The point of no return of a run. */
export async function markRunSettled(tx: Queryable, ...taskIds: string[]): Promise<void> {
  await tx.query('UPDATE rotation_runs SET settled_at = coalesce(settled_at, now()) WHERE task_id = ANY ($1)', [
    taskIds,
  ]);
}

/** Adds figures of a run. */
export async function noteMeasured(
  db: Queryable,
  input: { taskId: string; measured: Record<string, number> },
): Promise<void> {
  await db.query('UPDATE rotation_runs SET measured = measured || $2 WHERE task_id = $1', [
    input.taskId,
    JSON.stringify(input.measured),
  ]);
}

/** Gives the databases of a run back: only those that no later operation has taken. */
export async function releaseDatabases(tx: Queryable, of: { taskId: string; epoch: number }): Promise<void> {
  await tx.query(
    `UPDATE databases d SET state = b.state, updated_at = now()
     FROM rotation_runs u, jsonb_to_recordset(u.databases) AS b (id text, state text)
     WHERE u.task_id = $1 AND d.id = b.id AND d.epoch = $2 AND d.state = 'modifying'`,
    [of.taskId, of.epoch],
  );
}

/** Forgets runs beyond the newest `keep` of each rotation. */
export async function pruneRuns(db: Queryable, keep: number): Promise<void> {
  await db.query(
    `DELETE FROM rotation_runs u USING (
       SELECT id, row_number() OVER (PARTITION BY rotation_id ORDER BY id DESC) AS place FROM rotation_runs
     ) AS ranked LEFT JOIN rotation_runs self ON self.id = ranked.id LEFT JOIN tasks t ON t.id = self.task_id
     WHERE u.id = ranked.id AND ranked.place > $1
       AND (t.id IS NULL OR t.status NOT IN ('pending', 'running', 'canceling'))`,
    [keep],
  );
}
