import { beforeAll, expect, test } from 'vitest';
import type { Catalog } from '../../../domain/access/catalogs.ts';
import { OBJECT_KINDS, type ObjectKind, RELATION_KINDS } from '../../../domain/access/objects.ts';
import type { AclEntry, DatabaseContents, ObservedObject } from '../../../domain/access/observed.ts';
import { PUBLIC } from '../../../domain/access/observed.ts';
import { maskOf, namesOf } from '../../../domain/access/privileges.ts';
import { grantTarget, refLabel } from '../../../domain/access/refs.ts';
import { type DatabaseInput, inspectDatabase } from '../../../platform/target/catalog/database.ts';
import { inspectAgain } from '../../../platform/target/catalog/objects.ts';
import type { VersionedLogin } from '../../support/versions.ts';
import { onEachMajor, type ServerUnderTest } from './on-each-major.ts';

/** One object of every kind and sub-kind, with names that need quotes. */
const MAKE_OBJECTS = `
CREATE ROLE "Owner, 1"; CREATE ROLE reader; CREATE ROLE "r=w/x";
CREATE SCHEMA app AUTHORIZATION "Owner, 1"; CREATE SCHEMA "Other ""S""";
CREATE TABLE app.orders (id serial PRIMARY KEY, "Note, x" text, secret text, gone text);
ALTER TABLE app.orders DROP COLUMN gone;
CREATE TABLE app.parted (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (id);
CREATE TABLE app.part PARTITION OF app.parted FOR VALUES FROM (1) TO (2);
CREATE VIEW app.some_view AS SELECT 1 AS one; CREATE MATERIALIZED VIEW app.some_matview AS SELECT 1 AS one;
CREATE FOREIGN DATA WRAPPER "Wrap per"; CREATE SERVER "Far away" FOREIGN DATA WRAPPER "Wrap per";
CREATE FOREIGN TABLE "Other ""S""".far (a int) SERVER "Far away";
CREATE SEQUENCE "Other ""S"""."Seq";
CREATE TYPE app.enumerated AS ENUM ('a'); CREATE TYPE app.composite AS (a int); CREATE DOMAIN app.limited AS int CHECK (VALUE > 0);
CREATE DOMAIN app.many AS int[]; CREATE TYPE app.ranged AS RANGE (subtype = float8);
CREATE TYPE "Other ""S"""."T, x" AS ENUM ('b'); CREATE TYPE app.shell;
CREATE FUNCTION app.plain(a int, text DEFAULT '') RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.none() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.outs(IN a int, OUT b text, INOUT c numeric(3, 1)) LANGUAGE sql AS 'SELECT ''''::text, $2';
CREATE FUNCTION app.tabled(a int) RETURNS TABLE (b int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.variadic(a text, VARIADIC b int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.variadic_any(VARIADIC "any") RETURNS int LANGUAGE internal AS 'pg_num_nonnulls';
CREATE FUNCTION app.foreign_types(a "Other ""S"""."T, x", b app.orders, c app.enumerated[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.overloaded(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.overloaded(a bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.proc(a int) LANGUAGE sql AS ''; CREATE PROCEDURE app.proc_inout(INOUT a int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int); CREATE AGGREGATE app.total_all(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0');
CREATE AGGREGATE app.ordered(float8 ORDER BY anyelement)
  (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON app.orders TO reader WITH GRANT OPTION; GRANT UPDATE ON app.orders TO PUBLIC;
SET ROLE reader; GRANT SELECT ON app.orders TO "r=w/x"; RESET ROLE;
GRANT SELECT ("Note, x"), UPDATE ("Note, x"), INSERT (id) ON app.orders TO "r=w/x";
ALTER TABLE app.part ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON FUNCTION app.none() FROM PUBLIC; REVOKE ALL ON FUNCTION app.none() FROM postgres;
ALTER DEFAULT PRIVILEGES FOR ROLE "Owner, 1" GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE "Owner, 1" REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE "Owner, 1" IN SCHEMA app GRANT USAGE ON SEQUENCES TO reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE "Owner, 1" IN SCHEMA "Other ""S""" GRANT USAGE ON TYPES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE reader GRANT USAGE ON SCHEMAS TO "r=w/x";`;

/** From 14 on procedures may have OUT arguments, and then be as hard to tell apart as these. */
const MAKE_OUT_PROCEDURES = `
CREATE PROCEDURE app.proc_out(IN a int, OUT b int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.ambiguous(IN a int, IN b int) LANGUAGE sql AS '';
CREATE PROCEDURE app.ambiguous(IN a int, OUT b int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.ambiguous(OUT a int) LANGUAGE sql AS 'SELECT 1';`;

/** Every catalog with a list of access rights, read in the way that the server itself resolves it. */
const EXPLODED_SQL = [
  ['pg_namespace', 'nsp', 'n'],
  ['pg_proc', 'pro', 'f'],
  ['pg_type', 'typ', 'T'],
  ['pg_language', 'lan', 'l'],
  ['pg_foreign_data_wrapper', 'fdw', 'F'],
  ['pg_foreign_server', 'srv', 'S'],
  ['pg_class', 'rel', 'r'],
]
  .map(([catalog, prefix, letter]) => {
    const kind = catalog === 'pg_class' ? `CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END` : `'${letter}'`;
    return `SELECT '${catalog}' AS catalog, o.oid, pg_get_userbyid(o.${prefix}owner) AS owner,
      CASE WHEN a.grantee = 0 THEN '' ELSE pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type AS privilege,
      pg_get_userbyid(a.grantor) AS grantor, a.is_grantable AS grantable
    FROM ${catalog} o LEFT JOIN LATERAL aclexplode(coalesce(o.${prefix}acl, acldefault(${kind}::"char", o.${prefix}owner))) a
      ON true`;
  })
  .join('\nUNION ALL\n');

const CATALOGS: Record<Exclude<ObjectKind, 'database'>, string> = {
  ...{ schema: 'pg_namespace', table: 'pg_class', view: 'pg_class', foreign_table: 'pg_class', sequence: 'pg_class' },
  ...{ routine: 'pg_proc', type: 'pg_type', language: 'pg_language' },
  ...{ foreign_data_wrapper: 'pg_foreign_data_wrapper', foreign_server: 'pg_foreign_server' },
};

type Exploded = { catalog: string; oid: number; owner: string; grantee: string | null } & Record<string, unknown>;

function catalogOf(kind: ObjectKind): string {
  if (kind === 'database') throw new Error('a database does not contain itself');
  return CATALOGS[kind];
}

function explode(acl: readonly AclEntry[]): string[] {
  return acl
    .flatMap(({ grantee, grantor, privileges, grantable }) =>
      namesOf(privileges).map((name) => [grantee, name, grantor, namesOf(grantable).includes(name)].join(' ')),
    )
    .sort();
}

async function inspect(
  server: ServerUnderTest,
  input: Omit<DatabaseInput, 'cluster'> = {},
  login: VersionedLogin = {},
): Promise<DatabaseContents> {
  const cluster = await server.cluster(login);
  return inspectDatabase(await server.session(login), { cluster, ...input });
}

/** A catalog's rows change places when they are changed. */
function byLabel(objects: readonly ObservedObject[] | undefined): ObservedObject[] | undefined {
  return objects?.toSorted((a, b) => (refLabel(a) < refLabel(b) ? -1 : 1));
}

function find(contents: DatabaseContents, kind: ObjectKind, name: string): ObservedObject | undefined {
  return contents.objects.find((object) => object.kind === kind && object.name === name);
}

const sortedLabels = (objects: readonly ObservedObject[]) => objects.map(refLabel).sort();

onEachMajor('contents of a database', (server, major) => {
  beforeAll(async () => {
    await server().query(MAKE_OBJECTS);
    if (major >= 14) await server().query(MAKE_OUT_PROCEDURES);
  });

  test('objects of every kind are there once, and nothing else', async () => {
    const labels = sortedLabels((await inspect(server())).objects);
    expect(labels).toEqual(
      [
        ...['schema app', 'schema Other "S"', 'schema public'],
        ...['table app.orders', 'table app.parted', 'table app.part', 'view app.some_view', 'view app.some_matview'],
        ...['sequence app.orders_id_seq', 'sequence app.parted_id_seq', 'sequence Other "S".Seq'],
        'foreign table Other "S".far',
        ...['type app.enumerated', 'type app.composite', 'type app.limited', 'type app.many', 'type app.ranged'],
        'type Other "S".T, x',
        ...['language plpgsql', 'foreign data wrapper Wrap per', 'foreign server Far away'],
        ...['routine app.plain(integer, text)', 'routine app.none()', 'routine app.outs(integer, numeric)'],
        ...['routine app.tabled(integer)', 'routine app.variadic(text, integer[])', 'routine app.variadic_any("any")'],
        'routine app.foreign_types("Other ""S"""."T, x", app.orders, app.enumerated[])',
        ...['routine app.overloaded(integer)', 'routine app.overloaded(bigint)'],
        ...['routine app.proc(integer)', 'routine app.proc_inout(integer)'],
        ...['routine app.total(integer)', 'routine app.total_all()'],
        'routine app.ordered(double precision, anyelement)',
        // Constructors of the range type.
        ...['routine app.ranged(double precision, double precision)'],
        'routine app.ranged(double precision, double precision, text)',
        ...(major < 14
          ? []
          : [
              ...['routine app.proc_out(integer)', 'routine app.ambiguous(IN integer, IN integer)'],
              ...['routine app.ambiguous(IN integer)', 'routine app.ambiguous()'],
              ...['routine app.multiranged()', 'routine app.multiranged(app.ranged)'],
              'routine app.multiranged(app.ranged[])',
            ]),
      ].sort(),
    );
  });

  test('owner and list of every object are those of the server, for any admin', async () => {
    const rows = await server().query<Exploded>(EXPLODED_SQL);
    const expected = new Map<string, { owner: string; entries: string[] }>();
    for (const { catalog, oid, owner, grantee, privilege, grantor, grantable } of rows) {
      const key = `${catalog} ${oid}`;
      const object = expected.get(key) ?? { owner, entries: [] };
      expected.set(key, object);
      if (grantee !== null) object.entries.push([grantee, privilege, grantor, grantable].join(' '));
    }
    for (const as of ['superuser', 'limited'] as const) {
      // With pg_catalog and the information schema: thousands of objects.
      const { objects } = await inspect(server(), { systemSchemas: ['pg_catalog', 'information_schema'] }, { as });
      expect(objects.length).toBeGreaterThan(3_000);
      for (const { kind, oid, owner, acl, ...object } of objects) {
        const row = expected.get(`${catalogOf(kind)} ${oid}`);
        expect({ name: object.name, owner, entries: explode(acl) }).toEqual({
          name: object.name,
          owner: row?.owner,
          entries: row?.entries.sort(),
        });
      }
    }
  });

  test('an empty list is not taken for a missing one', async () => {
    expect(find(await inspect(server()), 'routine', 'none')?.acl).toEqual([]);
  });

  test('every object is found by GRANT under its own name', async () => {
    const contents = await inspect(server());
    await server().query('CREATE ROLE everywhere');
    const client = await server().session();
    await client.query('BEGIN');
    const granted: ObservedObject[] = [];
    for (const object of contents.objects) {
      const [privilege] = Object.keys(OBJECT_KINDS[object.kind].privileges);
      await client.query(`GRANT ${privilege} ON ${grantTarget(object)} TO everywhere`);
      granted.push(object);
      const after = await inspectDatabase(client, { cluster: await server().cluster() });
      const having = after.objects.filter(({ acl }) => acl.some(({ grantee }) => grantee === 'everywhere'));
      expect(having.map(({ kind, oid }) => `${kind} ${oid}`).sort()).toEqual(
        granted.map(({ kind, oid }) => `${kind} ${oid}`).sort(),
      );
    }
    await client.query('ROLLBACK');
  });

  test('column lists are those of the columns that have one', async () => {
    const { objects } = await inspect(server());
    const withColumns = objects.filter(({ columns }) => columns !== undefined);
    expect(withColumns.map(refLabel)).toEqual(['table app.orders']);
    expect([...(withColumns[0]?.columns ?? [])].sort()).toEqual([
      ['Note, x', [entry('r=w/x', maskOf(['SELECT', 'UPDATE']))]],
      ['id', [entry('r=w/x', maskOf(['INSERT']))]],
    ]);
  });

  test('column names come in order, without dropped ones, where they are asked for', async () => {
    const asked = await inspect(server(), { columnNames: true });
    const plain = await inspect(server());
    expect(find(asked, 'table', 'orders')?.columnNames).toEqual(['id', 'Note, x', 'secret']);
    expect(find(asked, 'view', 'some_matview')?.columnNames).toEqual(['one']);
    for (const { kind, columnNames } of asked.objects) expect(columnNames !== undefined).toBe(RELATION_KINDS.has(kind));
    for (const { columnNames } of plain.objects) expect(columnNames).toBeUndefined();
  });

  test('relations with row security are marked', async () => {
    const { objects } = await inspect(server());
    expect(objects.filter(({ rowSecurity }) => rowSecurity === true).map(refLabel)).toEqual(['table app.part']);
  });

  test('a sequence of a serial or identity column names its table, unless nobody asks', async () => {
    const { objects } = await inspect(server());
    const plain = await inspect(server(), { ownedSequences: false });
    for (const { ownedBy } of plain.objects) expect(ownedBy).toBeUndefined();
    const labelOf = (oid: number | undefined) => objects.filter((object) => object.oid === oid).map(refLabel);
    const sequences = objects.filter(({ kind }) => kind === 'sequence');
    expect(Object.fromEntries(sequences.map(({ name, ownedBy }) => [name, labelOf(ownedBy)]))).toEqual({
      orders_id_seq: ['table app.orders'],
      parted_id_seq: ['table app.parted'],
      Seq: [],
    });
    for (const { kind, ownedBy } of objects) if (kind !== 'sequence') expect(ownedBy).toBeUndefined();
  });

  test('languages that nothing can be granted on are left out', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query(`BEGIN;
      CREATE LANGUAGE untrusted HANDLER plpgsql_call_handler; CREATE TRUSTED LANGUAGE trusted HANDLER plpgsql_call_handler`);
    const { objects } = await inspectDatabase(client, { cluster });
    await client.query('ROLLBACK');
    expect(sortedLabels(objects.filter(({ kind }) => kind === 'language'))).toEqual([
      'language plpgsql',
      'language trusted',
    ]);
  });

  test('default privileges are read as they are, per creator, for a schema or for all', async () => {
    const { defaults } = await inspect(server());
    const creator = 'Owner, 1';
    expect(defaults).toHaveLength(5);
    expect(defaults).toEqual(
      expect.arrayContaining([
        {
          ...{ creator, schema: null, on: 'table' },
          acl: expect.arrayContaining([entry('reader', maskOf(['SELECT']), creator)]),
        },
        { creator, schema: null, on: 'routine', acl: [entry(creator, maskOf(['EXECUTE']), creator)] },
        {
          ...{ creator, schema: 'app', on: 'sequence' },
          acl: [{ ...entry('reader', maskOf(['USAGE']), creator), grantable: maskOf(['USAGE']) }],
        },
        { creator, schema: 'Other "S"', on: 'type', acl: [entry(PUBLIC, maskOf(['USAGE']), creator)] },
        {
          ...{ creator: 'reader', schema: null, on: 'schema' },
          acl: expect.arrayContaining([entry('r=w/x', maskOf(['USAGE']), 'reader')]),
        },
      ]),
    );
  });

  test('with schemas given, these are read and what lies in none', async () => {
    const all = await inspect(server(), { columnNames: true });
    const some = await inspect(server(), { schemas: ['app', 'absent'], columnNames: true });
    const wanted = all.objects.filter(({ kind, schema, name }) => {
      return kind === 'schema' ? name === 'app' : schema === 'app' || schema === null;
    });
    expect(some.objects).toHaveLength(wanted.length);
    expect(some.objects).toEqual(expect.arrayContaining(wanted));
    const defaults = all.defaults.filter(({ schema }) => schema === null || schema === 'app');
    expect(some.defaults).toHaveLength(defaults.length);
    expect(some.defaults).toEqual(expect.arrayContaining(defaults));
  });

  test('only the catalogs that are asked for are read, and always the schemas', async () => {
    const all = await inspect(server());
    const kindsOf = async (...catalogs: Catalog[]) => {
      const { objects, defaults } = await inspect(server(), { catalogs: new Set(catalogs) });
      for (const object of objects) expect(all.objects).toContainEqual(object);
      return { kinds: [...new Set(objects.map(({ kind }) => kind))].sort(), defaults };
    };
    expect(await kindsOf()).toEqual({ kinds: ['schema'], defaults: [] });
    expect(await kindsOf('routine', 'default')).toEqual({ kinds: ['routine', 'schema'], defaults: all.defaults });
    expect(all.defaults.length).toBeGreaterThan(0);
    expect((await kindsOf('table', 'type')).kinds).toEqual([
      'foreign_table',
      'schema',
      'sequence',
      'table',
      'type',
      'view',
    ]);
  });

  test('of system objects those with changed rights are read, and all of a schema that is named', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    const before = (await inspectDatabase(client, { cluster })).objects;
    await client.query(`BEGIN;
      GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO reader;
      GRANT EXECUTE ON FUNCTION pg_catalog.lower(text) TO reader;
      GRANT SELECT ON pg_catalog.pg_authid TO reader;
      GRANT SELECT (passwd) ON pg_catalog.pg_shadow TO reader;
      GRANT USAGE ON TYPE pg_catalog.int4 TO reader;
      GRANT USAGE ON LANGUAGE sql TO reader;
      GRANT CREATE ON SCHEMA pg_catalog TO reader;
      REVOKE SELECT ON information_schema.tables FROM PUBLIC;
      GRANT SELECT ON information_schema.columns TO reader;
      REVOKE USAGE ON SCHEMA information_schema FROM PUBLIC`);
    const after = await inspectDatabase(client, { cluster });
    const whole = await inspectDatabase(client, { cluster, schemas: ['pg_catalog'] });
    await client.query('ROLLBACK');
    const known = new Set(before.map(({ kind, oid }) => `${kind} ${oid}`));
    expect(sortedLabels(after.objects.filter(({ kind, oid }) => !known.has(`${kind} ${oid}`)))).toEqual([
      'language sql',
      'routine pg_catalog.lower(text)',
      'routine pg_catalog.pg_ls_dir(text)',
      'schema information_schema',
      'schema pg_catalog',
      'table pg_catalog.pg_authid',
      'type pg_catalog.int4',
      'view information_schema.columns',
      'view information_schema.tables',
      'view pg_catalog.pg_shadow',
    ]);
    expect([...(find(after, 'view', 'pg_shadow')?.columns?.keys() ?? [])]).toEqual(['passwd']);
    expect(find(whole, 'routine', 'upper')?.schema).toBe('pg_catalog');
    expect(whole.objects.some(({ schema }) => schema === 'app')).toBe(false);
  });

  test('temporary objects are left out', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query(`BEGIN; CREATE TEMP TABLE passing (a int, b text);
      CREATE FUNCTION pg_temp.fleeting() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT SELECT ON passing TO reader`);
    const { objects } = await inspectDatabase(client, { cluster });
    await client.query('ROLLBACK');
    expect(objects.length).toBeGreaterThan(20);
    expect(objects.filter(({ name }) => ['passing', 'fleeting'].includes(name))).toEqual([]);
  });

  test('a transaction sees its own changes, and its connection goes on after the read', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query('BEGIN');
    await client.query('GRANT DELETE ON app.orders TO reader');
    const within = await inspectDatabase(client, { cluster });
    await client.query('ROLLBACK');
    const outside = await inspectDatabase(client, { cluster });
    const readers = (contents: DatabaseContents) => {
      return find(contents, 'table', 'orders')?.acl.find(({ grantee }) => grantee === 'reader')?.privileges;
    };
    expect(namesOf(readers(within) ?? 0)).toEqual(['SELECT', 'DELETE']);
    expect(namesOf(readers(outside) ?? 0)).toEqual(['SELECT']);
  });

  test('a read that fails leaves the connection usable', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query('BEGIN');
    await expect(client.query('SELECT 1 / 0')).rejects.toThrow('division by zero');
    await expect(inspectDatabase(client, { cluster })).rejects.toThrow('current transaction is aborted');
    await client.query('ROLLBACK');
    expect((await inspectDatabase(client, { cluster })).objects.length).toBeGreaterThan(20);
  });

  test('rows that cannot be understood fail the read, and the connection stays usable', async () => {
    const client = await server().session();
    const builtinAcls = new (class extends Map<string, AclEntry[]> {
      override get(): never {
        throw new Error('not understood');
      }
    })();
    await expect(inspectDatabase(client, { cluster: { builtinAcls } })).rejects.toThrow('not understood');
    const cluster = await server().cluster();
    expect((await inspectDatabase(client, { cluster })).objects.length).toBeGreaterThan(20);
  });

  test('objects that are known are read again with the rights that they have by now', async () => {
    const isSome = ({ kind, name }: ObservedObject) => kind === 'schema' || name === 'orders';
    const client = await server().session();
    const cluster = await server().cluster();
    const { objects } = await inspectDatabase(client, { cluster, columnNames: true });
    expect((await inspectAgain(client, { cluster, objects }))?.objects).toEqual(objects);
    await client.query(`BEGIN;
      GRANT DELETE ON app.orders TO reader;
      GRANT UPDATE (id) ON app.orders TO reader;
      GRANT CREATE ON SCHEMA app TO reader;
      GRANT EXECUTE ON ALL ROUTINES IN SCHEMA app TO reader;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA app TO reader;
      GRANT USAGE ON LANGUAGE plpgsql TO reader`);
    const after = await inspectDatabase(client, { cluster, columnNames: true });
    const again = await inspectAgain(client, { cluster, objects });
    const part = await inspectAgain(client, { cluster, objects: objects.filter(isSome) });
    await client.query('ROLLBACK');
    expect(byLabel(again?.objects)).toEqual(byLabel(after.objects));
    expect(byLabel(after.objects)).not.toEqual(byLabel(objects));
    expect(byLabel(part?.objects)).toEqual(byLabel(after.objects.filter(isSome)));
  });

  test.each([
    ['is gone', 'DROP TABLE app.orders CASCADE'],
    ['has another name', 'ALTER TABLE app.orders RENAME TO old_orders'],
    ['lies in another schema', 'ALTER TABLE app.orders SET SCHEMA "Other ""S"""'],
  ])('objects are not read again where one of them %s', async (_, change) => {
    const client = await server().session();
    const cluster = await server().cluster();
    const { objects } = await inspectDatabase(client, { cluster });
    const looked = objects.filter(({ kind, name }) => kind === 'schema' || name === 'orders');
    await client.query(`BEGIN; ${change}`);
    const again = await inspectAgain(client, { cluster, objects: looked });
    await client.query('ROLLBACK');
    expect(again).toBeUndefined();
    expect((await inspectAgain(client, { cluster, objects: looked }))?.objects).toEqual(looked);
  });

  test('objects are not read again where event triggers may hear of a GRANT, unless they are disabled', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query(`BEGIN; CREATE FUNCTION app.hears() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
      CREATE EVENT TRIGGER hears ON ddl_command_end EXECUTE FUNCTION app.hears()`);
    const enabled = await inspectAgain(client, { cluster, objects: [] });
    await client.query('ALTER EVENT TRIGGER hears DISABLE');
    const disabled = await inspectAgain(client, { cluster, objects: [] });
    await client.query('ROLLBACK');
    expect([enabled, disabled]).toEqual([undefined, { objects: [], defaults: [] }]);
  });

  test('thousands of objects are all there, and share what is equal', async () => {
    const client = await server().session();
    const cluster = await server().cluster();
    await client.query(`BEGIN; DO $$ BEGIN FOR i IN 1..8000 LOOP
      EXECUTE format('CREATE FUNCTION app.many_%s() RETURNS int LANGUAGE sql AS ''SELECT 1''', i); END LOOP; END $$`);
    const { objects } = await inspectDatabase(client, { cluster });
    await client.query('ROLLBACK');
    const many = objects.filter(({ name }) => name.startsWith('many_'));
    expect(new Set(many.map(({ oid }) => oid)).size).toBe(8_000);
    // One list for all that have the built-in one of the same owner.
    expect(new Set(many.map(({ acl }) => acl)).size).toBe(1);
    expect(Object.isFrozen(many[0]?.acl)).toBe(true);
  });
});

function entry(grantee: string, privileges: number, grantor = 'postgres'): AclEntry {
  return { grantee, grantor, privileges, grantable: 0 };
}
