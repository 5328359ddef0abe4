import { v7 as uuidv7 } from 'uuid';
import { TASK_WORKFLOWS } from '../domain/task-workflows.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { type ServerWork, WORK_COLUMNS } from './server-work.ts';

/** Requests of one server that are carried out together. */
export interface BatchRecord {
  id: string;
  serverName: string;
  /** `shared`: at most one of a server is under way. `single`: one request that waits for somebody else's lock. */
  lane: 'shared' | 'single';
  state: 'running' | 'closed';
  workflowId: string;
}

/** Requests that one batch takes at a time. */
const BATCH_SIZE = 128;

const COLUMNS = `id, server_name AS "serverName", lane, state, workflow_id AS "workflowId"`;
const UNCLAIMED = `t.scope = 'server' AND t.entity_id = $2 AND t.status = 'pending'
  AND t.workflow_type = '${TASK_WORKFLOWS.change_role.workflowType}' AND t.batch_id IS NULL`;
const OLDEST = `ORDER BY t.id LIMIT ${BATCH_SIZE} FOR UPDATE OF t SKIP LOCKED`;
const CLAIM = `UPDATE tasks SET batch_id = $1, status = 'running', started_at = now()`;

/**
 * Opens a batch with the requests that wait for a server, unless one is under way: that one takes them when it ends. Called
 * after a request was committed: what the batch under way did not see any more is claimed then.
 * @returns the batch whose run is to be started, or undefined
 */
export async function openBatch(db: Queryable, serverName: string): Promise<BatchRecord | undefined> {
  const id = uuidv7();
  // The rows are locked only where a batch was opened: whoever closes the one under way skips rows that are locked.
  const { rows } = await db.query<BatchRecord>(OPEN_BATCH([id, serverName, workflowIdOf(serverName, id)]));
  return rows[0];
}

const OPEN_BATCH = prepared(
  'open_batch',
  `WITH opened AS (
     INSERT INTO batches (id, server_name, lane, state, workflow_id)
     SELECT $1, $2, 'shared', 'running', $3 WHERE EXISTS (SELECT FROM tasks t WHERE ${UNCLAIMED})
     ON CONFLICT (server_name) WHERE state = 'running' AND lane = 'shared' DO NOTHING RETURNING ${COLUMNS}
   ), claimed AS (${CLAIM} WHERE id IN (SELECT t.id FROM tasks t, opened WHERE ${UNCLAIMED} ${OLDEST}))
   SELECT * FROM opened`,
);

const CLAIM_MORE = prepared(
  'claim_more',
  `WITH claimed AS (
     ${CLAIM} WHERE id IN (SELECT t.id FROM tasks t WHERE ${UNCLAIMED} ${OLDEST}) RETURNING *
   )
   SELECT ${WORK_COLUMNS} FROM claimed t JOIN access_requests r ON r.task_id = t.id ORDER BY t.id`,
);

/**
 * Ends a batch, or lets it go on with what came in meanwhile. The batch is closed first and looked at afterwards, so that a
 * request is either seen here or opens a batch of its own.
 * @returns the requests that were claimed; none when the batch is closed
 */
export async function continueBatch(
  tx: Queryable,
  batch: Pick<BatchRecord, 'id' | 'serverName'>,
): Promise<ServerWork[]> {
  await closeBatch(tx, batch.id);
  const claimed = await claimMore(tx, batch);
  if (claimed.length > 0) {
    await tx.query(`UPDATE batches SET state = 'running', closed_at = NULL WHERE id = $1`, [batch.id]);
  }
  return claimed;
}

/** Ends a batch whose requests have all ended, without another look. */
export async function closeBatch(tx: Queryable, batchId: string): Promise<void> {
  await tx.query(`UPDATE batches SET state = 'closed', closed_at = now() WHERE id = $1`, [batchId]);
}

/** Takes what came in for a batch that goes on anyway. */
export async function claimMore(tx: Queryable, batch: Pick<BatchRecord, 'id' | 'serverName'>): Promise<ServerWork[]> {
  const { rows } = await tx.query<ServerWork>(CLAIM_MORE([batch.id, batch.serverName]));
  return rows;
}

/** Puts a request into a batch of its own. @returns that batch; its run is to be started */
export async function separate(tx: Queryable, input: { taskId: string; serverName: string }): Promise<BatchRecord> {
  const id = uuidv7();
  const { rows } = await tx.query<BatchRecord>(
    `WITH moved AS (UPDATE tasks SET batch_id = $1 WHERE id = $4)
     INSERT INTO batches (id, server_name, lane, state, workflow_id) VALUES ($1, $2, 'single', 'running', $3)
     RETURNING ${COLUMNS}`,
    [id, input.serverName, workflowIdOf(input.serverName, id), input.taskId],
  );
  const batch = rows[0];
  if (batch === undefined) throw new Error('INSERT INTO batches returned no row');
  return batch;
}

export async function findBatch(db: Queryable, batchId: string): Promise<BatchRecord | undefined> {
  const { rows } = await db.query<BatchRecord>(`SELECT ${COLUMNS} FROM batches WHERE id = $1`, [batchId]);
  return rows[0];
}

/** Batches under way that were opened at least `olderThanMs` ago, oldest first. */
export async function listRunningBatches(
  db: Queryable,
  input: { olderThanMs: number; limit: number },
): Promise<BatchRecord[]> {
  const { rows } = await db.query<BatchRecord>(
    `SELECT ${COLUMNS} FROM batches WHERE state = 'running'
       AND created_at <= now() - make_interval(secs => $1 / 1000.0) ORDER BY created_at LIMIT $2`,
    [input.olderThanMs, input.limit],
  );
  return rows;
}

/** Servers with requests that no batch has taken. */
export async function serversWithUnclaimed(db: Queryable, input: { olderThanMs: number }): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT entity_id AS name FROM tasks WHERE scope = 'server' AND status = 'pending'
       AND workflow_type = $2 AND batch_id IS NULL AND created_at <= now() - make_interval(secs => $1 / 1000.0)`,
    [input.olderThanMs, TASK_WORKFLOWS.change_role.workflowType],
  );
  return rows.map(({ name }) => name);
}

function workflowIdOf(serverName: string, batchId: string): string {
  return `${TASK_WORKFLOWS.change_role.kind}/${serverName}/${batchId}`;
}
