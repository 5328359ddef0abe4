import type pg from 'pg';
import {
  type AclEntry,
  type AdminRole,
  type ObservedDatabase,
  type ObservedRole,
  type ObservedServer,
  type ObservedSetting,
  OWNER_PLACEHOLDER,
  type ParameterInfo,
} from '../../../domain/access/observed.ts';
import { type AclReader, createAclReader } from './acl-text.ts';
import { type ClusterRow, clusterSql, PROBE_SQL } from './cluster-sql.ts';

/** GUC_LIST_QUOTE is not shown by any view; `variable_is_guc_list_quote` in src/bin/pg_dump/dumputils.c has the same list. */
const QUOTED_LISTS: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** What the queries of a session depend on, and what passwords are made with. */
export interface SessionFacts {
  versionNum: number;
  /** pg_authid is readable. */
  readsPasswords: boolean;
  /** Null before 16, where the server's own hashing always took 4096. */
  scramIterations: number | null;
  admin: AdminRole;
}

/** Reads {@link SessionFacts}, which change hardly ever: whoever reads much asks once. */
export async function sessionFacts(client: pg.ClientBase): Promise<SessionFacts> {
  const { versionNum, readsPasswords, scramIterations, ...admin } = await one<AdminRole & Omit<SessionFacts, 'admin'>>(
    client,
    PROBE_SQL,
    [],
  );
  return { versionNum, readsPasswords, scramIterations, admin };
}

/** How much of a server is read. */
export interface ClusterScope {
  /**
   * Only these roles with every group that they are in, directly or not, their settings, and the memberships that they have or
   * have granted; the admin role and the bootstrap superuser are among them. Names that do not exist are missing in the answer.
   */
  roles?: readonly string[];
  /** Roles whose members are all wanted, beside that. */
  groups?: readonly string[];
  /** As read before; asked for unless given. */
  facts?: SessionFacts;
  /** False leaves {@link ObservedServer.parameters} empty, which are read from hundreds of rows. */
  parameters?: boolean;
}

/**
 * Reads what a server has outside of its databases, in two statements, the second of which sees one moment. The databases'
 * contents are left out.
 *
 * Parameters that PostgreSQL hides from the admin role (`GUC_SUPERUSER_ONLY`) are missing. Names in memberships are not
 * limited to `roles` of the answer: a grantor may be any role, and where `roles` are given so may the other side.
 */
export async function inspectCluster(
  client: pg.ClientBase,
  input: ClusterScope & { serverName: string },
): Promise<ObservedServer> {
  const { versionNum, readsPasswords, admin } = input.facts ?? (await sessionFacts(client));
  const { roles, groups = [], parameters = true } = input;
  const sql = clusterSql({ versionNum, readsPasswords, some: roles !== undefined, parameters });
  const row = await one<ClusterRow>(client, sql, roles === undefined ? [] : [roles, groups]);
  const acls = createAclReader();
  return {
    name: input.serverName,
    versionNum,
    admin,
    roles: new Map(row.roles.map((role) => [role[0], toRole(role)])),
    memberships: row.memberships.map(([role, member, grantor, adminOption, inherit, set]) => {
      return { role, member, grantor, admin: adminOption, inherit, set };
    }),
    settings: row.settings.flatMap(toSettings),
    databases: new Map(row.databases.map((database) => [database[0], toDatabase(database, acls)])),
    builtinAcls: new Map(
      Object.entries(row.builtins).map(([letter, text]) => [letter, withoutOwner(acls.read(text), row.bootstrap)]),
    ),
    parameters: new Map(row.parameters.map(toParameter)),
    grantedParameters: new Set(row.granted),
  };
}

/** The only row of a query that always has one. */
async function one<R extends object>(client: pg.ClientBase, text: string, values: unknown[]): Promise<R> {
  const { rows } = await client.query<R & pg.QueryResultRow>(text, values);
  const [row] = rows;
  if (row === undefined) throw new Error('the catalog query has no row');
  return row;
}

function toRole(row: ClusterRow['roles'][number]): ObservedRole {
  const [name, oid, login, superuser, createdb, createrole, inherit, replication, bypassrls, ...rest] = row;
  const [connectionLimit, validUntil, comment, password] = rest;
  return {
    name,
    oid,
    attributes: {
      ...{ login, superuser, createdb, createrole, inherit, replication, bypassrls },
      connectionLimit,
      validUntil,
    },
    comment,
    password,
  };
}

/** `name=value`: names hold no equals sign, values may. */
function toSettings([role, database, entries]: ClusterRow['settings'][number]): ObservedSetting[] {
  return entries.map((entry) => {
    const at = entry.indexOf('=');
    return { role, database, name: entry.slice(0, at), value: entry.slice(at + 1) };
  });
}

function toDatabase(row: ClusterRow['databases'][number], acls: AclReader): ObservedDatabase {
  const [name, oid, owner, acl, allowConnections, isTemplate] = row;
  return { name, oid, owner, acl: acls.read(acl), allowConnections, isTemplate };
}

function toParameter([name, context]: ClusterRow['parameters'][number]): [string, ParameterInfo] {
  return [name, { context, isQuotedList: QUOTED_LISTS.has(name) }];
}

function withoutOwner(acl: readonly AclEntry[], owner: string): AclEntry[] {
  const named = (name: string) => (name === owner ? OWNER_PLACEHOLDER : name);
  return acl.map((entry) => ({ ...entry, grantee: named(entry.grantee), grantor: named(entry.grantor) }));
}
