import { EVERY_ENVIRONMENT } from '../domain/registry/names.ts';
import type { StoredPolicy } from '../domain/users/presets.ts';
import type { Queryable } from './connection.ts';

/** What was stored for an environment, or for `*`. */
export interface PolicyRecord {
  env: string;
  stored: StoredPolicy;
  updatedAt: Date;
}

const COLUMNS = 'env, policy AS stored, updated_at AS "updatedAt"';

/** All of them, `*` first. */
export async function listPolicies(db: Queryable): Promise<PolicyRecord[]> {
  const { rows } = await db.query<PolicyRecord>(
    `SELECT ${COLUMNS} FROM user_policies ORDER BY env <> '${EVERY_ENVIRONMENT}', env`,
  );
  return rows;
}

/** What holds for an environment: its own, else that of `*`. */
export async function findPolicy(db: Queryable, env: string): Promise<PolicyRecord | undefined> {
  const { rows } = await db.query<PolicyRecord>(
    `SELECT ${COLUMNS} FROM user_policies WHERE env IN ($1, '${EVERY_ENVIRONMENT}')
     ORDER BY env = '${EVERY_ENVIRONMENT}' LIMIT 1`,
    [env],
  );
  return rows[0];
}

/** Stores what holds for an environment from now on. @returns what it was before; undefined where there was nothing */
export async function putPolicy(
  tx: Queryable,
  input: { env: string; stored: StoredPolicy },
): Promise<{ before: StoredPolicy | undefined; after: PolicyRecord }> {
  // One change at a time, so that each is on record with what it replaced; requests that only read go on.
  await tx.query('LOCK TABLE user_policies IN SHARE ROW EXCLUSIVE MODE');
  const { rows: known } = await tx.query<PolicyRecord>(`SELECT ${COLUMNS} FROM user_policies WHERE env = $1`, [
    input.env,
  ]);
  const { rows } = await tx.query<PolicyRecord>(
    `INSERT INTO user_policies (env, policy) VALUES ($1, $2)
     ON CONFLICT (env) DO UPDATE SET policy = excluded.policy, updated_at = now() RETURNING ${COLUMNS}`,
    [input.env, input.stored],
  );
  const after = rows[0];
  if (after === undefined) throw new Error('the policy was not stored');
  return { before: known[0]?.stored, after };
}

/** @returns what was stored for exactly this environment; undefined where there was nothing */
export async function deletePolicy(tx: Queryable, env: string): Promise<PolicyRecord | undefined> {
  const { rows } = await tx.query<PolicyRecord>(`DELETE FROM user_policies WHERE env = $1 RETURNING ${COLUMNS}`, [env]);
  return rows[0];
}
