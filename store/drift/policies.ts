import { DEFAULT_POLICY, type DriftPolicy } from '../../domain/drift/policy.ts';
import type { Queryable } from '../connection.ts';

/** What is done about drift on a server, and since when; null: it is the default. */
export interface StoredPolicy {
  policy: DriftPolicy;
  updatedAt: Date | null;
}

export async function findDriftPolicy(db: Queryable, serverName: string): Promise<StoredPolicy> {
  const { rows } = await db.query<{ policy: Partial<DriftPolicy>; updatedAt: Date }>(
    'SELECT policy, updated_at AS "updatedAt" FROM drift_policies WHERE server_name = $1',
    [serverName],
  );
  const [row] = rows;
  return row === undefined
    ? { policy: DEFAULT_POLICY, updatedAt: null }
    : { policy: { ...DEFAULT_POLICY, ...row.policy }, updatedAt: row.updatedAt };
}

/** Sets the policy of a server, which is looked at soon. */
export async function putDriftPolicy(
  tx: Queryable,
  input: { serverName: string; policy: DriftPolicy },
): Promise<StoredPolicy> {
  const { serverName, policy } = input;
  const { rows } = await tx.query<{ updatedAt: Date }>(
    `INSERT INTO drift_policies (server_name, policy) VALUES ($1, $2)
     ON CONFLICT (server_name) DO UPDATE SET policy = $2, updated_at = now() RETURNING updated_at AS "updatedAt"`,
    [serverName, policy],
  );
  await tx.query(
    `INSERT INTO drift_looks (server_name, next_look_at) VALUES ($1, now() + make_interval(secs => $2))
     ON CONFLICT (server_name) DO UPDATE SET next_look_at = least(drift_looks.next_look_at, excluded.next_look_at)`,
    [serverName, policy.intervalSeconds],
  );
  return { policy, updatedAt: rows[0]?.updatedAt ?? null };
}
