import type { Queryable } from './connection.ts';

/** How long the answer to a keyed request is repeated (R7). */
export const IDEMPOTENCY_WINDOW_MINUTES = 10;

export interface IdempotencyEntry {
  account: string;
  /** Method and route pattern. */
  route: string;
  key: string;
  /** HMAC of the request. */
  requestHash: string;
}

/** The stored answer for this key, with the hash of the request that it answered. */
export async function findAnswer(
  db: Queryable,
  entry: Omit<IdempotencyEntry, 'requestHash'>,
): Promise<{ requestHash: string; response: unknown } | undefined> {
  const { rows } = await db.query<{ requestHash: string; response: unknown }>(
    `SELECT request_hash AS "requestHash", response FROM idempotency_keys
     WHERE account = $1 AND route = $2 AND key = $3 AND created_at > now() - make_interval(mins => $4)`,
    [entry.account, entry.route, entry.key, IDEMPOTENCY_WINDOW_MINUTES],
  );
  return rows[0];
}

/**
 * Stores the answer, in the transaction that accepts the request. An expired entry of the same key is replaced.
 * @returns false when a concurrent request with the same key was accepted first.
 */
export async function storeAnswer(db: Queryable, entry: IdempotencyEntry, response: unknown): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO idempotency_keys AS k (account, route, key, request_hash, response) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (account, route, key) DO UPDATE SET request_hash = $4, response = $5, created_at = now()
     WHERE k.created_at <= now() - make_interval(mins => $6)`,
    [entry.account, entry.route, entry.key, entry.requestHash, JSON.stringify(response), IDEMPOTENCY_WINDOW_MINUTES],
  );
  return rowCount === 1;
}

/** Gives a key back, unless another answer was stored under it meanwhile. */
export async function releaseAnswer(
  db: Queryable,
  entry: Omit<IdempotencyEntry, 'requestHash'>,
  response: unknown,
): Promise<void> {
  await db.query(
    'DELETE FROM idempotency_keys WHERE account = $1 AND route = $2 AND key = $3 AND response = $4::jsonb',
    [entry.account, entry.route, entry.key, JSON.stringify(response)],
  );
}

/** Removes answers past their window. */
export async function pruneAnswers(db: Queryable): Promise<void> {
  await db.query('DELETE FROM idempotency_keys WHERE created_at <= now() - make_interval(mins => $1)', [
    IDEMPOTENCY_WINDOW_MINUTES,
  ]);
}
