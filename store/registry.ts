import type { Queryable } from './connection.ts';
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

const FIND_ACTIVE = prepared(
  'find_registry_entry',
  `SELECT ${COLUMNS} FROM registry WHERE env = $1 AND db_name = $2 AND active`,
);

/** The entry that callers mean by environment and database; one that is not active counts as missing. */
export async function findActiveEntry(
  db: Queryable,
  of: { env: string; dbName: string },
): Promise<RegistryEntry | undefined> {
  const { rows } = await db.query<RegistryEntry>(FIND_ACTIVE([of.env, of.dbName]));
  return rows[0];
}
