import type { Policy } from '../domain/users/policy.ts';
import { resolvePolicy, type StoredPolicy } from '../domain/users/presets.ts';
import type { Queryable } from './connection.ts';
import { EVERY_ENVIRONMENT } from './policies.ts';
import { prepared } from './prepared.ts';

/** A database of an environment. */
export interface RegistryEntry {
  id: number;
  env: string;
  dbName: string;
  hostname: string;
  port: number;
  active: boolean;
  notes: string | null;
  /** Registered server that it is on. */
  serverName: string;
  createdAt: Date;
}

const COLUMNS = `id, env, db_name AS "dbName", hostname, port, active, notes, server_name AS "serverName",
  created_at AS "createdAt"`;

const FIND_PLACE = prepared(
  'find_place',
  `SELECT r.*, p.policy FROM (SELECT ${COLUMNS} FROM registry WHERE env = $1 AND db_name = $2 AND active) AS r
   LEFT JOIN LATERAL (
     SELECT policy FROM user_policies WHERE env IN ($1, '${EVERY_ENVIRONMENT}')
     ORDER BY env = '${EVERY_ENVIRONMENT}' LIMIT 1
   ) AS p ON true`,
);

/** A database of an environment, with what the environment allows. */
export interface Place {
  entry: RegistryEntry;
  policy: Policy;
}

/** What callers mean by environment and database, in one round trip; an entry that is not active counts as missing. */
export async function findPlace(db: Queryable, of: { env: string; dbName: string }): Promise<Place | undefined> {
  const { rows } = await db.query<RegistryEntry & { policy: StoredPolicy | null }>(FIND_PLACE([of.env, of.dbName]));
  const row = rows[0];
  if (row === undefined) return undefined;
  const { policy, ...entry } = row;
  return { entry, policy: resolvePolicy(policy ?? undefined, entry.env) };
}
