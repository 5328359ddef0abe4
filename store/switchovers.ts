import type { Queryable } from './connection.ts';
import { beginOperation, type DatabaseState, lockDatabase } from './databases.ts';

/** What was accepted for a task of type switchover. */
export interface SwitchoverRecord {
  taskId: string;
  databaseId: string;
  nodeName: string;
  serverName: string;
  /** Host of the primary, as it was at acceptance or at the last look. */
  primaryHostId: string;
  candidateHostId: string;
  scheduledAt: Date | null;
  /** State of the database before; null until the task has taken it. */
  stateBefore: DatabaseState | null;
}

export async function insertSwitchover(
  db: Queryable,
  input: Omit<SwitchoverRecord, 'databaseId' | 'stateBefore'>,
): Promise<void> {
  await db.query(
    `INSERT INTO switchovers (task_id, node_name, server_name, primary_host_id, candidate_host_id, scheduled_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [input.taskId, input.nodeName, input.serverName, input.primaryHostId, input.candidateHostId, input.scheduledAt],
  );
}

export async function findSwitchover(db: Queryable, taskId: string): Promise<SwitchoverRecord | undefined> {
  const { rows } = await db.query<SwitchoverRecord>(
    `SELECT task_id AS "taskId", t.database_id AS "databaseId", node_name AS "nodeName", server_name AS "serverName",
       primary_host_id AS "primaryHostId", candidate_host_id AS "candidateHostId", scheduled_at AS "scheduledAt",
       state_before AS "stateBefore"
     FROM switchovers JOIN tasks t ON t.id = task_id WHERE task_id = $1`,
    [taskId],
  );
  return rows[0];
}

/** The primary is on another host than it was at acceptance. */
export async function recordPrimaryHost(db: Queryable, input: { taskId: string; hostId: string }): Promise<void> {
  await db.query('UPDATE switchovers SET primary_host_id = $2 WHERE task_id = $1', [input.taskId, input.hostId]);
}

/** Open tasks on databases of a server, other than `exceptTaskId`: what a switchover would be in the way of. */
export async function openTasksOnServer(
  db: Queryable,
  input: { serverName: string; exceptTaskId?: string },
): Promise<{ taskId: string; databaseId: string; type: string }[]> {
  const { rows } = await db.query<{ taskId: string; databaseId: string; type: string }>(
    `SELECT DISTINCT t.id AS "taskId", t.database_id AS "databaseId", t.type
     FROM tasks t JOIN database_servers d ON d.database_id = t.database_id AND d.server_name = $1
     LEFT JOIN switchovers s ON s.task_id = t.id
     WHERE t.scope = 'database' AND t.status IN ('pending', 'running', 'canceling') AND t.id IS DISTINCT FROM $2::uuid
       -- One that waits for its time is in nobody's way.
       AND (s.task_id IS NULL OR s.began_at IS NOT NULL)
     ORDER BY 1`,
    [input.serverName, input.exceptTaskId ?? null],
  );
  return rows;
}

/** States in which a switchover may begin. */
const SWITCHABLE: ReadonlySet<DatabaseState> = new Set(['available', 'degraded']);

/** Why the database cannot be taken now. */
export type NotTaken = 'gone' | { state: DatabaseState };

/**
 * Takes the database for the task: from here on other operations on it are refused. Taken before is success. The caller holds a
 * transaction.
 * @returns the epoch of the task
 */
export async function takeForSwitchover(tx: Queryable, taskId: string): Promise<{ epoch: number } | NotTaken> {
  const record = await findSwitchover(tx, taskId);
  const database = record === undefined ? undefined : await lockDatabase(tx, record.databaseId);
  if (record === undefined || database === undefined) return 'gone';
  if (record.stateBefore !== null) {
    const { rows } = await tx.query<{ epoch: number }>('SELECT epoch FROM tasks WHERE id = $1', [taskId]);
    return { epoch: rows[0]?.epoch ?? 0 };
  }
  if (!SWITCHABLE.has(database.state)) return { state: database.state };
  const { epoch } = await beginOperation(tx, { id: database.id, state: 'modifying' });
  await tx.query('UPDATE tasks SET epoch = $2 WHERE id = $1', [taskId, epoch]);
  await tx.query('UPDATE switchovers SET began_at = now(), state_before = $2 WHERE task_id = $1', [
    taskId,
    database.state,
  ]);
  return { epoch };
}
