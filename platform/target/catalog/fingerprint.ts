import type pg from 'pg';
import { FIRST_NORMAL_OID } from '../../../domain/access/catalogs.ts';

/** Where the history of a server is: it only goes forward, unless the server was restored from a backup. */
export interface ServerHistory {
  timeline: number;
  /** Bytes of WAL. */
  position: number;
}

/** What one small query says of a server outside of its databases. */
export interface ServerGlance {
  /** Hash of roles, memberships, settings and databases; of passwords, too, where pg_authid is readable. */
  fingerprint: string;
  /** Null where the server does not say: managed services hold some of these functions back. */
  history: ServerHistory | null;
  /** Databases that can be entered. */
  databases: string[];
  /** Logins with an open session now. */
  sessions: string[];
}

/** Each change of a row gives it another xmin, the change of a password as well; nothing of the row has to be read. */
const ROLES_BY_XMIN = `SELECT string_agg(oid || ' ' || xmin, ',' ORDER BY oid) FROM pg_catalog.pg_authid`;
const ROLES_BY_CONTENT = `SELECT string_agg(r::text, ',' ORDER BY oid) FROM pg_catalog.pg_roles r`;

const serverSql = (readsPasswords: boolean): string => `SELECT md5(concat_ws('/',
    (${readsPasswords ? ROLES_BY_XMIN : ROLES_BY_CONTENT}),
    (SELECT string_agg(concat_ws(' ', roleid, member, grantor, xmin), ',' ORDER BY roleid, member, grantor) FROM pg_catalog.pg_auth_members),
    (SELECT string_agg(concat_ws(' ', setdatabase, setrole, xmin), ',' ORDER BY setdatabase, setrole) FROM pg_catalog.pg_db_role_setting),
    (SELECT string_agg(concat_ws(' ', oid, datname, datdba, datallowconn, datconnlimit, datistemplate, datacl), ',' ORDER BY oid)
      FROM pg_catalog.pg_database),
    (SELECT string_agg(concat_ws(' ', objoid, xmin), ',' ORDER BY objoid) FROM pg_catalog.pg_shdescription
      WHERE classoid = 'pg_catalog.pg_authid'::regclass))) AS fingerprint,
  ARRAY(SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND datconnlimit <> -2) AS databases,
  ARRAY(SELECT DISTINCT usename::text FROM pg_catalog.pg_stat_activity WHERE usename IS NOT NULL ORDER BY 1) AS sessions`;

const HISTORY_SQL = `SELECT ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline,
  (pg_current_wal_insert_lsn() - '0/0')::float8 AS position`;

/** Takes a glance at a server: one small query, and one for its history. In the maintenance database, outside a transaction. */
export async function glanceAtServer(client: pg.ClientBase, of: { readsPasswords: boolean }): Promise<ServerGlance> {
  const { rows } = await client.query<Omit<ServerGlance, 'history'>>(serverSql(of.readsPasswords));
  const [row] = rows;
  if (row === undefined) throw new Error('the query for the fingerprint has no row');
  return { ...row, history: await askHistory(client) };
}

async function askHistory(client: pg.ClientBase): Promise<ServerHistory | null> {
  try {
    const { rows } = await client.query<ServerHistory>(HISTORY_SQL);
    return rows[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * Objects with names, owners and access control lists, as they are: not by xmin, which TRUNCATE and the like change as well. Objects
 * that come with PostgreSQL count where somebody changed their list. Temporary ones come and go.
 */
const DATABASE_SQL = `SELECT md5(concat_ws('/',
    (SELECT string_agg(concat_ws(' ', oid, nspname, nspowner, nspacl), ',' ORDER BY oid) FROM pg_catalog.pg_namespace
      WHERE nspname !~ '^pg_(toast_)?temp_'),
    (SELECT string_agg(concat_ws(' ', c.oid, relnamespace, relname, relkind, relowner, relacl), ',' ORDER BY c.oid)
      FROM pg_catalog.pg_class c
      WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't' AND (c.oid >= ${FIRST_NORMAL_OID} OR relacl IS NOT NULL)),
    (SELECT string_agg(concat_ws(' ', attrelid, attnum, attname, attacl), ',' ORDER BY attrelid, attnum)
      FROM pg_catalog.pg_attribute WHERE attacl IS NOT NULL AND NOT attisdropped),
    (SELECT string_agg(concat_ws(' ', oid, pronamespace, proname, proargtypes, proowner, proacl), ',' ORDER BY oid)
      FROM pg_catalog.pg_proc WHERE oid >= ${FIRST_NORMAL_OID} OR proacl IS NOT NULL),
    (SELECT string_agg(concat_ws(' ', oid, typnamespace, typname, typowner, typacl), ',' ORDER BY oid)
      FROM pg_catalog.pg_type WHERE typtype IN ('b', 'd', 'e', 'r', 'm') AND typelem = 0 AND (oid >= ${FIRST_NORMAL_OID} OR typacl IS NOT NULL)),
    (SELECT string_agg(concat_ws(' ', oid, lanname, lanowner, lanacl), ',' ORDER BY oid) FROM pg_catalog.pg_language),
    (SELECT string_agg(concat_ws(' ', oid, fdwname, fdwowner, fdwacl), ',' ORDER BY oid) FROM pg_catalog.pg_foreign_data_wrapper),
    (SELECT string_agg(concat_ws(' ', oid, srvname, srvowner, srvacl), ',' ORDER BY oid) FROM pg_catalog.pg_foreign_server),
    (SELECT string_agg(concat_ws(' ', oid, defaclrole, defaclnamespace, defaclobjtype, defaclacl), ',' ORDER BY oid)
      FROM pg_catalog.pg_default_acl))) AS fingerprint`;

/** Hash of what the database of the connection has by way of objects, owners and access control lists. */
export async function glanceAtDatabase(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ fingerprint: string }>(DATABASE_SQL);
  const [row] = rows;
  if (row === undefined) throw new Error('the query for the fingerprint has no row');
  return row.fingerprint;
}

const STORED_SQL = `SELECT rolname AS role, rolpassword AS stored FROM pg_catalog.pg_authid WHERE rolname = ANY ($1)`;

/** What the server stores as passwords of roles; null for none. Secret: for comparing it, and for bringing it back. Needs a readable pg_authid. */
export async function storedPasswords(
  client: pg.ClientBase,
  roles: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  const { rows } = await client.query<{ role: string; stored: string | null }>(STORED_SQL, [roles]);
  return new Map(rows.map(({ role, stored }) => [role, stored]));
}
