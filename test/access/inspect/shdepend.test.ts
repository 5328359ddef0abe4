import { beforeAll, expect, test } from 'vitest';
import { describeOwned, listDependents } from '../../../platform/target/catalog/shdepend.ts';
import { onEachMajor, type ServerUnderTest } from './on-each-major.ts';

async function oidOf(server: ServerUnderTest, role: string): Promise<number> {
  const [row] = await server.query<{ oid: number }>(`SELECT oid FROM pg_roles WHERE rolname = '${role}'`);
  return row?.oid ?? 0;
}

onEachMajor('what depends on a role', (server, major) => {
  beforeAll(async () => {
    await server().query('CREATE ROLE leaver; CREATE ROLE idle; CREATE ROLE team; CREATE ROLE stayer');
    await server().query('CREATE DATABASE theirs OWNER leaver');
    await server().query('GRANT CONNECT ON DATABASE postgres TO leaver');
    await server().query('GRANT team TO leaver WITH ADMIN OPTION');
    await server().query('SET ROLE leaver; GRANT team TO stayer');
    await server().query(
      `CREATE TABLE public.shared (a int, b int); CREATE TABLE public.other ();
       GRANT SELECT, UPDATE (b) ON public.shared TO leaver; GRANT SELECT ON public.other TO leaver;
       ALTER TABLE public.other ENABLE ROW LEVEL SECURITY; CREATE POLICY for_leaver ON public.other TO leaver USING (true);
       SET ROLE leaver;
       CREATE SCHEMA app; CREATE TABLE app.plain (a int, b serial);
       CREATE TABLE app.policed (a int); CREATE POLICY p ON app.policed USING (true);
       CREATE TABLE app.indexed (a int); CREATE INDEX ON app.indexed ((a + 1)); CREATE INDEX ON app.plain (a);
       CREATE TABLE app.filtered (a int); CREATE INDEX ON app.filtered (a) WHERE a > 0;
       CREATE TABLE app.ruled (a int); CREATE RULE r AS ON INSERT TO app.ruled DO ALSO NOTHING;
       CREATE TABLE app.triggered (a int PRIMARY KEY); CREATE TABLE app.referring (a int REFERENCES app.triggered);
       CREATE FUNCTION app.code() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER t BEFORE INSERT ON app.triggered EXECUTE FUNCTION app.code();
       CREATE VIEW app.seen AS SELECT 1 AS one; CREATE MATERIALIZED VIEW app.kept AS SELECT 1 AS one;
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO stayer; RESET ROLE;
       CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
       CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
       ALTER ROLE leaver SUPERUSER; ALTER EVENT TRIGGER watching OWNER TO leaver; ALTER ROLE leaver NOSUPERUSER`,
      { database: 'theirs' },
    );
  });

  test('all databases are counted from any connection, by reason and catalog', async () => {
    for (const login of [{}, { database: 'theirs' }, { as: 'limited' as const }]) {
      const dependents = await listDependents(await server().session(login), await oidOf(server(), 'leaver'));
      const text = dependents.map(({ database, kind, classes }) => {
        return `${database} ${kind}: ${classes
          .map(({ catalog, count }) => `${count} ${catalog}`)
          .sort()
          .join(', ')}`;
      });
      // The role's own grant to another member is a dependency since 16.
      const shared = major >= 16 ? '1 pg_auth_members, 1 pg_database' : '1 pg_database';
      expect(text).toEqual([
        `null acl: ${shared}`,
        'null owner: 1 pg_database',
        'theirs acl: 3 pg_class',
        'theirs owner: 1 pg_default_acl, 1 pg_event_trigger, 1 pg_namespace, 1 pg_proc, 10 pg_class',
        'theirs policy: 1 pg_policy',
      ]);
    }
  });

  test('what nothing depends on has an empty list', async () => {
    const client = await server().session();
    expect(await listDependents(client, await oidOf(server(), 'idle'))).toEqual([]);
    expect(await describeOwned(client, await oidOf(server(), 'idle'), 10)).toEqual({
      total: 0,
      withCode: 0,
      objects: [],
    });
  });

  test('owned objects are described with schema and code, those with code first', async () => {
    const client = await server().session({ database: 'theirs' });
    const owned = await describeOwned(client, await oidOf(server(), 'leaver'), 100);
    expect([owned.total, owned.withCode, owned.objects.length]).toEqual([14, 9, 14]);
    const coded = owned.objects.slice(0, owned.withCode);
    expect(Object.fromEntries(coded.map(({ description, code }) => [description, code.join()]))).toEqual({
      'function app.code()': 'function',
      'event trigger watching': 'event_trigger',
      'table app.triggered': 'trigger',
      'table app.ruled': 'rule',
      'table app.policed': 'policy',
      'table app.indexed': 'index',
      'table app.filtered': 'index',
      'view app.seen': 'view',
      'materialized view app.kept': 'view',
    });
    const plain = owned.objects.slice(owned.withCode);
    expect(plain.every(({ code }) => code.length === 0)).toBe(true);
    expect(plain.map(({ description }) => description).sort()).toEqual([
      'default privileges on new relations belonging to role leaver',
      'schema app',
      'sequence app.plain_b_seq',
      'table app.plain',
      'table app.referring',
    ]);
  });

  test('a list that is cut still tells how many there are', async () => {
    const client = await server().session({ database: 'theirs' });
    const owned = await describeOwned(client, await oidOf(server(), 'leaver'), 2);
    expect([owned.total, owned.withCode, owned.objects.length]).toEqual([14, 9, 2]);
    expect(owned.objects.every(({ code }) => code.length > 0)).toBe(true);
  });

  test('objects of other databases are not described', async () => {
    const owned = await describeOwned(await server().session(), await oidOf(server(), 'leaver'), 10);
    expect(owned.total).toBe(0);
  });
});
