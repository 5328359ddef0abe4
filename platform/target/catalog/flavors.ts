import pLimit from 'p-limit';
import type pg from 'pg';
import { FLAVOR_GROUPS, FLAVOR_SCHEMA } from '../../../domain/clusters/flavor-groups.ts';
import type { FlavorDatabaseFacts, FlavorFacts, FlavorGroupFacts } from '../../../domain/clusters/realise-flavors.ts';
import { reasonOf } from '../connector.ts';
import { toFailure } from '../errors.ts';
import type { ConnectionLease, TargetServer, TargetSession } from '../target-server.ts';

const FIRST_WITH_PREDEFINED = 140_000;
const FIRST_WITH_ADMIN_OPTION = 160_000;
/** Of the four connections of a server: one for the whole of it, and two that look into databases. */
const PARALLEL = 2;
/** SQLSTATEs of a database that is gone, or that nobody can enter because it is about to go. */
const GONE = new Set(['3D000', '55000']);

interface ServerRow {
  versionNum: number;
  admin: FlavorFacts['admin'] & { createrole: boolean };
  groups: FlavorGroupFacts[];
  databases: Pick<FlavorDatabaseFacts, 'name' | 'connect' | 'grantsConnect'>[];
}

/** Asks a server what flavors depend on, every database included. */
export function readFlavorFacts(server: TargetServer, session: TargetSession): Promise<FlavorFacts> {
  return server.reserve(session, 1 + PARALLEL, async (lease) => {
    const { client } = await lease.connect();
    const { rows } = await client.query<ServerRow>(SERVER_SQL, [Object.values(FLAVOR_GROUPS)]);
    const [row] = rows;
    if (row === undefined) throw new Error('the server said nothing of flavors');
    const { createrole, ...admin } = row.admin;
    const exposed = await exposedByServer(client, row);
    const limit = pLimit(PARALLEL);
    const found = await Promise.all(row.databases.map((database) => limit(() => lookInto(lease, database, admin))));
    const looks = found.filter((look) => look !== undefined);
    return {
      versionNum: row.versionNum,
      admin,
      grantsPredefined: await grantsPredefined(client, row.versionNum, row.admin),
      groups: row.groups.map((group) => ({
        ...group,
        administered: admin.superuser || (row.versionNum < FIRST_WITH_ADMIN_OPTION ? createrole : group.administered),
      })),
      exposed: [...exposed, ...looks.flatMap((look) => look.exposed)],
      databases: looks.map((look) => look.facts),
    };
  });
}

/** Any role may read this. */
const SERVER_SQL = `
WITH a AS (SELECT * FROM pg_roles WHERE rolname = current_user),
g AS (SELECT r.* FROM pg_roles r WHERE r.rolname = ANY ($1))
SELECT current_setting('server_version_num')::int AS "versionNum",
  (SELECT jsonb_build_object('name', rolname, 'superuser', rolsuper, 'createrole', rolcreaterole) FROM a) AS admin,
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', g.rolname, 'comment', shobj_description(g.oid, 'pg_authid'),
     'administered', pg_has_role(g.oid, 'MEMBER WITH ADMIN OPTION'),
     'memberOf', (SELECT coalesce(jsonb_agg(p.rolname ORDER BY p.rolname), '[]') FROM pg_auth_members m
                  JOIN pg_roles p ON p.oid = m.roleid WHERE m.member = g.oid))), '[]') FROM g) AS groups,
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'name', d.datname,
     'connect', EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
                        WHERE x.grantee = 0 AND x.privilege_type = 'CONNECT')
       OR (SELECT count(*) = cardinality($1) FROM g WHERE has_database_privilege(g.oid, d.oid, 'CONNECT')),
     'grantsConnect', has_database_privilege(d.oid, 'CONNECT WITH GRANT OPTION')) ORDER BY d.datname), '[]')
   FROM pg_database d WHERE d.datallowconn) AS databases`;

/** Passwords that lie in catalogs of the whole server, as far as the admin role can tell; where it cannot, they count as there. */
async function exposedByServer(client: pg.ClientBase, { admin }: ServerRow): Promise<string[]> {
  const sql = admin.superuser
    ? `SELECT format('subscription "%s"', subname) AS what FROM pg_subscription WHERE subconninfo ~* 'pass|sslkey|service'
       UNION ALL
       SELECT format('MD5 hash of role "%s"', rolname) FROM pg_authid WHERE rolpassword LIKE 'md5%' ORDER BY 1`
    : `SELECT format('subscription "%s"', subname) AS what FROM pg_subscription ORDER BY 1`;
  const { rows } = await client.query<{ what: string }>(sql);
  return rows.map(({ what }) => what);
}

async function grantsPredefined(
  client: pg.ClientBase,
  versionNum: number,
  admin: { superuser: boolean; createrole: boolean },
): Promise<boolean> {
  if (versionNum < FIRST_WITH_PREDEFINED) return false;
  // Before 16 CREATEROLE is enough to grant any role that is no superuser's.
  if (admin.superuser || versionNum < FIRST_WITH_ADMIN_OPTION) return admin.superuser || admin.createrole;
  const { rows } = await client.query<{ may: boolean }>(
    `SELECT pg_has_role('pg_read_all_data', 'MEMBER WITH ADMIN OPTION')
       AND pg_has_role('pg_write_all_data', 'MEMBER WITH ADMIN OPTION') AS may`,
  );
  return rows[0]?.may ?? false;
}

interface Look {
  facts: FlavorDatabaseFacts;
  exposed: string[];
}

async function lookInto(
  lease: ConnectionLease,
  database: ServerRow['databases'][number],
  admin: { superuser: boolean },
): Promise<Look | undefined> {
  try {
    const { client, release } = await lease.connect({ database: database.name });
    try {
      const { rows } = await client.query<{ installed: string | null; mappings: string[] }>(
        databaseSql(admin.superuser),
      );
      const { installed = null, mappings = [] } = rows[0] ?? {};
      const exposed = mappings.map((mapping) => `user mapping ${mapping} in database "${database.name}"`);
      return { facts: { ...database, installed }, exposed };
    } finally {
      await release();
    }
  } catch (error) {
    const failure = toFailure(reasonOf(error), `looking into database "${database.name}"`);
    if (failure.retryable) throw failure;
    // Dropped since it was listed, or closed in order to be dropped: those that are closed are not listed.
    if (GONE.has(String(failure.details.sqlstate))) return undefined;
    return { facts: { ...database, installed: null, unread: failure.message }, exposed: [] };
  }
}

/** Options of a mapping are a secret unless they only name the remote user; who may not see them must take them for one. */
function databaseSql(superuser: boolean): string {
  const secret = superuser ? `EXISTS (SELECT FROM unnest(umoptions) AS o WHERE o !~* '^(user|username)=')` : 'true';
  return `SELECT
  (SELECT obj_description(n.oid, 'pg_namespace') FROM pg_namespace n WHERE n.nspname = '${FLAVOR_SCHEMA}') AS installed,
  ARRAY(SELECT DISTINCT format('of server "%s"', srvname) FROM pg_user_mappings WHERE ${secret} ORDER BY 1) AS mappings`;
}
