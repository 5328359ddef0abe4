import { splitGucList } from '../access/roles/guc-list.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';
import { grantMembership } from './roles.ts';

/** What a login takes over from the role that it acts as: settings are not inherited, limits are per login. */
export interface LoginTraits {
  connectionLimit: number;
  /** Settings as `name=value`, by database; null for those of all databases. */
  settings: { database: string | null; entries: string[] }[];
}

/** Statements that make `login` act as `role`: one of two logins over one owner. All of them may be repeated. */
export function prepareLogin(of: {
  login: string;
  role: string;
  exists: boolean;
  comment: string;
  databases: readonly string[] | undefined;
  traits: LoginTraits;
  serverVersion: number;
}): string[] {
  const { login, role, traits } = of;
  const name = quoteIdentifier(login);
  const asOwner = (where: string) => `ALTER ROLE ${name}${where} SET role = ${quoteLiteral(role)}`;
  return [
    ...(of.exists
      ? []
      : [`CREATE ROLE ${name} WITH NOLOGIN INHERIT`, `COMMENT ON ROLE ${name} IS ${quoteLiteral(of.comment)}`]),
    `ALTER ROLE ${name} WITH CONNECTION LIMIT ${traits.connectionLimit}`,
    grantMembership({ role, member: login, inherit: true, serverVersion: of.serverVersion }),
    ...traits.settings.flatMap(({ database, entries }) =>
      entries.filter((entry) => !entry.startsWith('role=')).map((entry) => setting(name, database, entry)),
    ),
    ...(of.databases === undefined
      ? [asOwner('')]
      : of.databases.map((database) => asOwner(` IN DATABASE ${quoteIdentifier(database)}`))),
  ];
}

/** Parameters whose elements are literals of their own (GUC_LIST_QUOTE): one literal with commas would become one element. */
const QUOTED_LISTS: ReadonlySet<string> = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'local_preload_libraries',
]);

function setting(name: string, database: string | null, entry: string): string {
  const at = entry.indexOf('=');
  const [parameter, value] = [entry.slice(0, at), entry.slice(at + 1)];
  const where = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  const elements = (QUOTED_LISTS.has(parameter.toLowerCase()) ? splitGucList(value) : undefined) ?? [value];
  const target = parameter.split('.').map(quoteIdentifier).join('.');
  return `ALTER ROLE ${name}${where} SET ${target} TO ${elements.map(quoteLiteral).join(', ')}`;
}

/** Takes the password of a login away and keeps it from logging in. */
export function retireLogin(login: string): string {
  return `ALTER ROLE ${quoteIdentifier(login)} WITH NOLOGIN PASSWORD NULL`;
}

/** One row about a role, its settings included. $1 is its name. */
export const ROTATED_ROLE_SQL = `SELECT r.oid::int8::float8 AS oid, r.rolcanlogin AS "canLogin", r.rolconnlimit AS "connectionLimit",
   shobj_description(r.oid, 'pg_authid') AS comment,
   (SELECT coalesce(jsonb_agg(jsonb_build_object('database', d.datname, 'entries', to_jsonb(s.setconfig)) ORDER BY d.datname), '[]')
    FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
    WHERE s.setrole = r.oid AND (s.setdatabase = 0 OR d.oid IS NOT NULL)) AS settings
 FROM pg_roles r WHERE r.rolname = $1`;

/** End of the WAL that a commit before it is in, as bytes; of a primary. */
export const WAL_POSITION_SQL = `SELECT (pg_current_wal_lsn() - '0/0')::float8 AS position`;
