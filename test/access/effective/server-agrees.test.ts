import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMembershipGraph } from '../../../domain/access/effective/closure.ts';
import { explainAccess } from '../../../domain/access/effective/explain.ts';
import { COLUMN_PRIVILEGES, OBJECT_KINDS, type ObjectKind, privilegesOf } from '../../../domain/access/objects.ts';
import type { ObjectRef, ObservedServer } from '../../../domain/access/observed.ts';
import type { PrivilegeName } from '../../../domain/access/privileges.ts';
import { granteeSql, grantTarget, refLabel, refSql } from '../../../domain/access/refs.ts';
import { quoteIdentifier, quoteLiteral } from '../../../domain/sql/quote.ts';
import { inspectCluster } from '../../../platform/target/catalog/cluster.ts';
import { inspectDatabase } from '../../../platform/target/catalog/database.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 25);
const ROLES = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7'];

const OBJECTS: readonly ObjectRef[] = [
  { kind: 'database', schema: null, name: 'shop' },
  { kind: 'schema', schema: null, name: 'app' },
  { kind: 'schema', schema: null, name: 'public' },
  { kind: 'table', schema: 'app', name: 't' },
  { kind: 'table', schema: 'pg_catalog', name: 'pg_authid' },
  { kind: 'view', schema: 'app', name: 'v' },
  { kind: 'view', schema: 'app', name: 'm' },
  { kind: 'foreign_table', schema: 'app', name: 'f' },
  { kind: 'sequence', schema: 'app', name: 's' },
  { kind: 'routine', schema: 'app', name: 'fn', args: 'integer' },
  { kind: 'type', schema: 'app', name: 'ty' },
  { kind: 'language', schema: null, name: 'plpgsql' },
  { kind: 'foreign_data_wrapper', schema: null, name: 'wrapper' },
  { kind: 'foreign_server', schema: null, name: 'remote' },
];

const CREATE_OBJECTS = `
CREATE SCHEMA app;
CREATE TABLE app.t (a int, b int);
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE VIEW app.v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS a;
CREATE FOREIGN DATA WRAPPER wrapper;
CREATE SERVER remote FOREIGN DATA WRAPPER wrapper;
CREATE FOREIGN TABLE app.f (a int) SERVER remote;
CREATE SEQUENCE app.s;
CREATE FUNCTION app.fn(integer) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE app.ty AS ENUM ('x')`;

/** Functions that the server answers by, for roles and objects by name. */
const ASKED_BY: Record<ObjectKind, string> = {
  database: 'has_database_privilege',
  schema: 'has_schema_privilege',
  table: 'has_table_privilege',
  view: 'has_table_privilege',
  foreign_table: 'has_table_privilege',
  sequence: 'has_sequence_privilege',
  routine: 'has_function_privilege',
  type: 'has_type_privilege',
  language: 'has_language_privilege',
  foreign_data_wrapper: 'has_foreign_data_wrapper_privilege',
  foreign_server: 'has_server_privilege',
};

/** One statement, as a superuser; the server may refuse it, and then it changes nothing. */
function statements(major: number): fc.Arbitrary<string> {
  const versionNum = major * 10_000;
  const role = fc.constantFrom(...ROLES);
  const rank = fc.integer({ min: 0, max: ROLES.length - 1 });
  const grantee = fc.oneof(
    { weight: 5, arbitrary: role },
    fc.constant(''),
    ...(major >= 14 ? [fc.constant('pg_database_owner')] : []),
  );
  const object = fc.constantFrom(...OBJECTS);
  // Few: it takes ADMIN OPTION.
  const grantor = fc.oneof({ weight: 4, arbitrary: fc.constant('') }, role);
  const flag = (name: string) => fc.boolean().map((on) => `${on ? '' : 'NO'}${name}`);

  const attributes = fc.tuple(
    role,
    flag('INHERIT'),
    flag('LOGIN'),
    flag('BYPASSRLS'),
    fc.integer({ min: 0, max: 7 }).map((dice) => (dice === 0 ? 'SUPERUSER' : 'NOSUPERUSER')),
  );
  const options = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()).map(([admin, inherit, set]) => {
    if (major < 16) return admin ? ' WITH ADMIN OPTION' : '';
    return ` WITH ADMIN ${admin}, INHERIT ${inherit}, SET ${set}`;
  });
  const predefined = ['pg_monitor', 'pg_read_all_data', 'pg_write_all_data', 'pg_maintain'].filter((name) => {
    return major >= ({ pg_monitor: 13, pg_maintain: 17 }[name] ?? 14);
  });
  // Groups stand before their members, so that no chain closes; on 16+ any role with ADMIN OPTION may grant.
  const membership = fc.tuple(rank, rank, options, grantor).map(([a, b, text, granting]) => {
    const [group, member] = a < b ? [a, b] : [b, a];
    const by = granting === '' || major < 16 ? '' : ` GRANTED BY ${granting}`;
    return `GRANT ${ROLES[group]} TO ${ROLES[member]}${text}${by}`;
  });
  const predefinedMembership = fc
    .tuple(fc.constantFrom(...predefined), role, options)
    .map(([group, member, text]) => `GRANT ${group} TO ${member}${text}`);

  const grant = object.chain((ref) => {
    const privileges = fc.subarray(privilegesOf(ref.kind, versionNum), { minLength: 1 });
    return fc.tuple(privileges, grantee, fc.boolean(), fc.boolean()).map(([names, to, withOption, isRevoke]) => {
      if (isRevoke) return `REVOKE ${names.join(', ')} ON ${grantTarget(ref)} FROM ${granteeSql(to)} CASCADE`;
      const option = withOption && to !== '' ? ' WITH GRANT OPTION' : '';
      return `GRANT ${names.join(', ')} ON ${grantTarget(ref)} TO ${granteeSql(to)}${option}`;
    });
  });
  const ownerRevoke = object.map((ref) => `REVOKE ALL ON ${grantTarget(ref)} FROM CURRENT_OWNER`);
  const column = fc
    .tuple(fc.constantFrom(...COLUMN_PRIVILEGES), fc.constantFrom('a', 'b'), grantee)
    .map(([privilege, name, to]) => `GRANT ${privilege} (${name}) ON app.t TO ${granteeSql(to)}`);
  const owned = OBJECTS.filter(({ kind, schema }) => kind !== 'foreign_data_wrapper' && schema !== 'pg_catalog');
  const owner = fc
    .tuple(fc.constantFrom(...owned), grantee)
    .filter(([, to]) => to !== '')
    .map(([ref, to]) => `ALTER ${OBJECT_KINDS[ref.kind].ownerKeyword} ${refSql(ref)} OWNER TO ${quoteIdentifier(to)}`);

  return fc.oneof(
    { weight: 3, arbitrary: attributes.map(([name, ...rest]) => `ALTER ROLE ${name} ${rest.join(' ')}`) },
    { weight: 6, arbitrary: membership },
    { weight: 1, arbitrary: predefinedMembership },
    { weight: 8, arbitrary: grant },
    { weight: 2, arbitrary: column },
    { weight: 2, arbitrary: owner },
    { weight: 1, arbitrary: ownerRevoke },
    { weight: 1, arbitrary: role.map((name) => `ALTER DATABASE shop OWNER TO ${name}`) },
  );
}

describe.each(testMajors())('a server of version %i', (major) => {
  let server: VersionedServer;
  let client: pg.Client;

  beforeAll(async () => {
    server = await startServerOf(major, { settings: { log_statement: 'none' } });
    await server.query('CREATE DATABASE shop');
    client = await server.connect({ database: 'shop' });
    await client.query(CREATE_OBJECTS);
    for (const role of ROLES) await client.query(`CREATE ROLE ${role}`);
    await client.query('SET search_path = pg_catalog');
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** Carries out what the server accepts, asks, and takes everything back. */
  async function attempt(list: readonly string[], ask: (observed: ObservedServer) => Promise<void>): Promise<void> {
    await client.query('BEGIN');
    try {
      for (const text of list) await carryOut(text);
      const cluster = await inspectCluster(client, { serverName: 'main' });
      const contents = await inspectDatabase(client, { cluster });
      const shop = { ...cluster.databases.get('shop'), contents } as NonNullable<
        ReturnType<typeof cluster.databases.get>
      >;
      await ask({ ...cluster, databases: new Map(cluster.databases).set('shop', shop) });
    } finally {
      await client.query('ROLLBACK');
    }
  }

  async function carryOut(text: string): Promise<void> {
    await client.query('SAVEPOINT step');
    try {
      await client.query(text.includes('CURRENT_OWNER') ? await withOwner(text) : text);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      await client.query('ROLLBACK TO SAVEPOINT step');
    }
  }

  /** Owners may take their own rights away. */
  async function withOwner(text: string): Promise<string> {
    const cluster = await inspectCluster(client, { serverName: 'main' });
    const { objects } = await inspectDatabase(client, { cluster });
    const found = objects.find((object) => text.includes(`ON ${grantTarget(object)} `));
    return text.replace('CURRENT_OWNER', granteeSql(found?.owner ?? cluster.databases.get('shop')?.owner ?? ''));
  }

  async function column<T>(sql: string): Promise<T[]> {
    const { rows } = await client.query<[T]>({ text: sql, rowMode: 'array' });
    return rows.map(([value]) => value);
  }

  const lists = fc.array(statements(major), { minLength: 5, maxLength: 40 });
  const versionNum = major * 10_000;

  test('answers has_…_privilege as explained, for every role, object and column', async () => {
    const questions = [...ROLES, 'postgres', ''].flatMap((role) =>
      OBJECTS.flatMap((object) =>
        privilegesOf(object.kind, versionNum).flatMap((privilege) => {
          const columns = object.name === 't' && COLUMN_PRIVILEGES.includes(privilege) ? ['a', 'b'] : [];
          return [undefined, ...columns].map((name) => ({ role, object, privilege, column: name }));
        }),
      ),
    );
    const sql = questions.map((question) => answerSql(question)).join(', ');
    let allowed = 0;
    await fc.assert(
      fc.asyncProperty(lists, (list) =>
        attempt(list, async (observed) => {
          const theirs = await column<boolean>(`SELECT unnest(ARRAY[${sql}])`);
          questions.forEach(({ role, object, privilege, column: name }, at) => {
            const about = `${role} ${privilege} ${name ?? ''} ${refLabel(object)}`;
            const isRead = object.schema !== 'pg_catalog' || findIn(observed, object);
            if (!isRead) return;
            const answer = explainAccess(observed, {
              ...{ role, object, privilege, database: 'shop', now: new Date() },
              ...(name === undefined ? {} : { column: name }),
            });
            if (answer.allowed) allowed += 1;
            expect([about, answer.allowed]).toEqual([about, theirs[at]]);
          });
        }),
      ),
      { numRuns: RUNS },
    );
    expect(allowed).toBeGreaterThan(RUNS);
  });

  test('answers pg_has_role as the memberships are read', async () => {
    // Up to 15 every member may SET ROLE.
    const kinds = { inherit: 'USAGE', member: 'MEMBER', set: major >= 16 ? 'SET' : 'MEMBER' } as const;
    const targets = [
      ...ROLES,
      'postgres',
      'pg_monitor',
      'pg_read_all_stats',
      ...(major >= 14 ? ['pg_database_owner'] : []),
    ];
    const questions = ROLES.flatMap((member) =>
      targets.flatMap((role) => (['inherit', 'set', 'member'] as const).map((kind) => ({ member, role, kind }))),
    );
    const sql = questions.map(({ member, role, kind }) => `pg_has_role('${member}', '${role}', '${kinds[kind]}')`);
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(lists, (list) =>
        attempt(list, async (observed) => {
          const theirs = await column<boolean>(`SELECT unnest(ARRAY[${sql.join(', ')}])`);
          const graph = createMembershipGraph(observed);
          const owner = observed.databases.get('shop')?.owner;
          questions.forEach(({ member, role, kind }, at) => {
            const ours = graph.isSuperuser(member) || graph.reach(kind, member, owner).has(role);
            if (ours && member !== role) reached += 1;
            expect([member, kind, role, ours]).toEqual([member, kind, role, theirs[at]]);
          });
        }),
      ),
      { numRuns: RUNS },
    );
    expect(reached).toBeGreaterThan(RUNS);
  });

  test('holds row security for whom it is said to apply', async () => {
    const table = { kind: 'table', schema: 'app', name: 't' } as const;
    const effects = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(lists, (list) =>
        attempt(
          ['GRANT USAGE ON SCHEMA app TO PUBLIC', ...list, 'GRANT USAGE ON SCHEMA app TO PUBLIC'],
          async (observed) => {
            for (const role of ROLES) {
              await client.query(`SET LOCAL ROLE ${role}`);
              const [isActive] = await column<boolean>(`SELECT row_security_active('app.t')`);
              await client.query('RESET ROLE');
              const question = { role, database: 'shop', object: table, privilege: 'SELECT', now: new Date() } as const;
              const { rowSecurity } = explainAccess(observed, question);
              effects.add(rowSecurity);
              expect([role, rowSecurity]).toEqual([role, isActive ? 'applies' : 'exempt']);
            }
          },
        ),
      ),
      { numRuns: RUNS },
    );
    expect([...effects].toSorted()).toEqual(['applies', 'exempt']);
  });
});

function findIn(observed: ObservedServer, ref: ObjectRef): boolean {
  const objects = observed.databases.get('shop')?.contents?.objects ?? [];
  return objects.some(({ schema, name, kind }) => schema === ref.schema && name === ref.name && kind === ref.kind);
}

function answerSql(question: {
  role: string;
  object: ObjectRef;
  privilege: PrivilegeName;
  column: string | undefined;
}): string {
  const { role, object, privilege, column } = question;
  const isUnqualified = object.schema === null;
  const name = quoteLiteral(isUnqualified ? object.name : refSql(object));
  const what = quoteLiteral(privilege);
  const who = quoteLiteral(role === '' ? 'public' : role);
  if (column !== undefined) return `has_column_privilege(${who}, ${name}, '${column}', ${what})`;
  return `${ASKED_BY[object.kind]}(${who}, ${name}, ${what})`;
}
