import { EVERY_ENVIRONMENT } from '../domain/registry/names.ts';
import type { Policy } from '../domain/users/policy.ts';
import { resolvePolicy, type StoredPolicy } from '../domain/users/presets.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import { readShared } from './shared-read.ts';

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
  const [row] = await readShared<RegistryEntry & { policy: StoredPolicy | null }>(db, FIND_PLACE([of.env, of.dbName]));
  if (row === undefined) return undefined;
  const { policy, ...entry } = row;
  return { entry, policy: resolvePolicy(policy ?? undefined, entry.env) };
}

/** What is set by whoever registers or changes a database. */
export type RegistryChange = Omit<RegistryEntry, 'id' | 'createdAt'>;

/** Entries by environment and name: all of them, or `limit` of them after a place in that order. */
export async function listEntries(
  db: Queryable,
  page: {
    /** Only these environments. */
    environments?: readonly string[] | undefined;
    after?: Pick<RegistryEntry, 'env' | 'dbName'> | undefined;
    limit?: number | undefined;
  },
): Promise<RegistryEntry[]> {
  const { rows } = await db.query<RegistryEntry>(
    `SELECT ${COLUMNS} FROM registry
     WHERE ($1::text[] IS NULL OR env = ANY ($1)) AND ($2::text IS NULL OR (env, db_name) > ($2, $3))
     ORDER BY env, db_name LIMIT $4`,
    [page.environments ?? null, page.after?.env ?? null, page.after?.dbName ?? null, page.limit ?? null],
  );
  return rows;
}

/** Whether an environment has entries. */
export async function hasEntries(db: Queryable, env: string): Promise<boolean> {
  const { rowCount } = await db.query('SELECT FROM registry WHERE env = $1 LIMIT 1', [env]);
  return rowCount === 1;
}

/** Whether it is active or not. */
export async function findEntry(db: Queryable, id: number): Promise<RegistryEntry | undefined> {
  const { rows } = await db.query<RegistryEntry>(`SELECT ${COLUMNS} FROM registry WHERE id = $1`, [id]);
  return rows[0];
}

/** Takes the entry until the transaction ends. */
export async function lockEntry(tx: Queryable, id: number): Promise<RegistryEntry | undefined> {
  const { rows } = await tx.query<RegistryEntry>(`SELECT ${COLUMNS} FROM registry WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

/** @returns the new entry; undefined when the environment has a database of that name already */
export async function insertEntry(tx: Queryable, entry: RegistryChange): Promise<RegistryEntry | undefined> {
  const { rows } = await tx.query<RegistryEntry>(
    `INSERT INTO registry (env, db_name, hostname, port, active, notes, server_name)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (env, db_name) DO NOTHING RETURNING ${COLUMNS}`,
    [entry.env, entry.dbName, entry.hostname, entry.port, entry.active, entry.notes, entry.serverName],
  );
  return rows[0];
}

/** @returns the changed entry; undefined when another one has that environment and name */
export async function updateEntry(
  tx: Queryable,
  entry: RegistryChange & Pick<RegistryEntry, 'id'>,
): Promise<RegistryEntry | undefined> {
  const { rows } = await tx.query<RegistryEntry>(
    `UPDATE registry SET env = $2, db_name = $3, hostname = $4, port = $5, active = $6, notes = $7, server_name = $8
     WHERE id = $1 AND NOT EXISTS (SELECT FROM registry o WHERE o.env = $2 AND o.db_name = $3 AND o.id <> $1)
     RETURNING ${COLUMNS}`,
    [entry.id, entry.env, entry.dbName, entry.hostname, entry.port, entry.active, entry.notes, entry.serverName],
  );
  return rows[0];
}

export async function deleteEntry(tx: Queryable, id: number): Promise<void> {
  await tx.query('DELETE FROM registry WHERE id = $1', [id]);
}

/** Inserts many entries, in their order. @returns the new ones; what an environment has already is left as it is */
export async function insertEntries(
  tx: Queryable,
  entries: readonly (RegistryChange & { createdAt?: Date })[],
): Promise<RegistryEntry[]> {
  const { rows } = await tx.query<RegistryEntry>(
    `INSERT INTO registry (env, db_name, hostname, port, active, notes, server_name, created_at)
     SELECT env, "dbName", hostname, port, active, notes, "serverName", coalesce("createdAt", now())
     FROM jsonb_to_recordset($1) AS (env text, "dbName" text, hostname text, port integer, active boolean, notes text,
       "serverName" text, "createdAt" timestamptz)
     ON CONFLICT (env, db_name) DO NOTHING RETURNING ${COLUMNS}`,
    [JSON.stringify(entries)],
  );
  return rows;
}

/** The entries of these environments and names, in no particular order. */
export async function findEntries(
  db: Queryable,
  keys: readonly Pick<RegistryEntry, 'env' | 'dbName'>[],
): Promise<RegistryEntry[]> {
  const { rows } = await db.query<RegistryEntry>(
    `SELECT ${COLUMNS} FROM registry
     WHERE (env, db_name) IN (SELECT env, "dbName" FROM jsonb_to_recordset($1) AS (env text, "dbName" text))`,
    [JSON.stringify(keys.map(({ env, dbName }) => ({ env, dbName })))],
  );
  return rows;
}
