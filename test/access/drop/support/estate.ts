import type pg from 'pg';
import type { VersionedServer } from '../../../support/versions.ts';

/** A role `leaver` with things of every kind in databases `east` and `west`, and others who must lose nothing. */
export async function createEstate(server: VersionedServer, name = 'leaver'): Promise<void> {
  const high = server.major >= 16;
  const admin = { as: 'limited' } as const;
  // The limited admin makes them, so that it may drop them on every version.
  await server.query(
    `CREATE ROLE ${name} LOGIN PASSWORD 'leaver-pw' CONNECTION LIMIT 7; CREATE ROLE ${name}_peer; CREATE ROLE ${name}_third;
     CREATE ROLE ${name}_group; CREATE ROLE ${name}_owner; CREATE ROLE ${name}_giver; CREATE ROLE ${name}_member;
     ALTER ROLE ${name} SET work_mem = '5MB'`,
    admin,
  );
  for (const database of [`${name}_east`, `${name}_west`]) {
    await server.query(`CREATE DATABASE ${database}`, admin);
    await server.query(
      `GRANT CREATE ON DATABASE ${database} TO ${name}, ${name}_owner;
       ${server.major >= 15 ? `GRANT CREATE ON SCHEMA public TO ${name}, ${name}_owner;` : ''}`,
      { ...admin, database },
    );
    await server.query(leaverObjects(name), { database });
    await server.query(othersObjects(name), { database });
  }
  // Memberships: two grantors where there can be two, and one that the role granted on.
  await server.query(`GRANT ${name}_group TO ${name} WITH ADMIN OPTION; GRANT ${name} TO ${name}_member`, admin);
  await server.query(
    `SET ROLE ${name}; GRANT ${name}_group TO ${name}_peer WITH ADMIN OPTION;
     SET ROLE ${name}_peer; GRANT ${name}_group TO ${name}_third`,
  );
  if (high) {
    await server.query(`GRANT ${name}_group TO ${name}_giver WITH ADMIN OPTION`, admin);
    await server.query(`SET ROLE ${name}_giver; GRANT ${name}_group TO ${name}`);
  }
}

function leaverObjects(name: string): string {
  return `SET ROLE ${name};
    CREATE SCHEMA "${name} own";
    CREATE TABLE "${name} own".orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, card text);
    CREATE SEQUENCE "${name} own".numbers;
    CREATE TYPE public.${name}_mood AS ENUM ('calm');
    CREATE TABLE public.${name}_table (a int);
    CREATE FUNCTION public.${name}_definer() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
    CREATE FUNCTION "${name} own".f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE VIEW "${name} own".v AS SELECT id FROM "${name} own".orders;
    SELECT lo_create(0);
    GRANT SELECT ON "${name} own".orders TO ${name}_peer WITH GRANT OPTION;
    GRANT USAGE ON SCHEMA "${name} own" TO ${name}_peer, ${name}_third;
    SET ROLE ${name}_peer; GRANT SELECT ON "${name} own".orders TO ${name}_third;
    SET ROLE ${name};
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${name}_peer;
    ALTER DEFAULT PRIVILEGES IN SCHEMA "${name} own" GRANT USAGE ON SEQUENCES TO ${name}_peer;`;
}

/** Rights on what belongs to somebody else: from the owner, from another grantor, given on by a grant option. */
function othersObjects(name: string): string {
  return `SET ROLE ${name}_owner;
    CREATE SCHEMA ${name}_app;
    GRANT USAGE ON SCHEMA ${name}_app TO PUBLIC;
    CREATE TABLE ${name}_app.t (a int, b int);
    CREATE TABLE ${name}_app.u (a int);
    CREATE FUNCTION ${name}_app.pay(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
    ALTER TABLE ${name}_app.t ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON ${name}_app.t TO ${name}, ${name}_peer USING (true);
    CREATE POLICY only_leaver ON ${name}_app.t TO ${name} USING (true);
    GRANT SELECT, INSERT ON ${name}_app.t TO ${name} WITH GRANT OPTION;
    GRANT UPDATE (b) ON ${name}_app.t TO ${name} WITH GRANT OPTION;
    GRANT SELECT ON ${name}_app.u TO ${name}_giver WITH GRANT OPTION;
    GRANT EXECUTE ON FUNCTION ${name}_app.pay(int, text) TO ${name};
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${name};
    SET ROLE ${name}_giver; GRANT SELECT ON ${name}_app.u TO ${name};
    SET ROLE ${name};
    GRANT SELECT ON ${name}_app.t TO ${name}_peer WITH GRANT OPTION;
    GRANT UPDATE (b) ON ${name}_app.t TO ${name}_peer;
    SET ROLE ${name}_peer; GRANT SELECT ON ${name}_app.t TO ${name}_third;`;
}

/** Everything that names the role anywhere: empty once it is gone. By OID: names prove nothing. */
export async function traces(server: VersionedServer, oid: number): Promise<string[]> {
  const rows = await server.query<{ trace: string }>(
    `SELECT 'role ' || rolname AS trace FROM pg_roles WHERE oid = ${oid}
     UNION ALL SELECT 'dependency in ' || dbid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = ${oid}
     UNION ALL SELECT 'membership' FROM pg_auth_members WHERE ${oid} IN (roleid, member)
       OR (grantor = ${oid} AND current_setting('server_version_num')::int >= 160000)
     UNION ALL SELECT 'setting' FROM pg_db_role_setting WHERE setrole = ${oid}
     UNION ALL SELECT 'session' FROM pg_stat_activity WHERE usesysid = ${oid}`,
  );
  return rows.map(({ trace }) => trace);
}

export async function oidOf(server: VersionedServer, role: string): Promise<number> {
  const [row] = await server.query<{ oid: number }>(`SELECT oid FROM pg_roles WHERE rolname = '${role}'`);
  if (row === undefined) throw new Error(`there is no role ${role}`);
  return row.oid;
}

/** One value. */
export async function value<T>(
  server: VersionedServer,
  sql: string,
  login?: Parameters<VersionedServer['query']>[1],
): Promise<T> {
  const [row] = await server.query<pg.QueryResultRow>(sql, login);
  return Object.values(row ?? {})[0] as T;
}
