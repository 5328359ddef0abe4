import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Major, startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Engine, startEngine } from './support/engine.ts';
import { createShop, SHOP_ROLES } from './support/shop.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 5);
const CASES = testMajors().flatMap((major) => (['superuser', 'limited'] as const).map((admin) => ({ major, admin })));
const ROLES = ['r0', 'r1', 'r2', 'r3', 'r4'];
const OBJECTS = [
  { on: { kind: 'table', schema: 'app', names: ['orders'] }, privileges: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'] },
  { on: { kind: 'table', schema: 'app', all: true }, privileges: ['SELECT', 'DELETE'] },
  { on: { kind: 'view', schema: 'app', names: ['totals'] }, privileges: ['SELECT'] },
  { on: { kind: 'sequence', schema: 'app', names: ['numbers'] }, privileges: ['USAGE', 'SELECT', 'UPDATE'] },
  { on: { kind: 'routine', schema: 'app', names: ['pay(integer)'] }, privileges: ['EXECUTE'] },
  { on: { kind: 'type', schema: 'app', names: ['mood'] }, privileges: ['USAGE'] },
  { on: { kind: 'schema', names: ['app'] }, privileges: ['USAGE', 'CREATE'] },
  { on: { kind: 'database' }, privileges: ['CONNECT', 'TEMPORARY', 'CREATE'] },
];

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

const some = <T>(values: readonly T[], minLength = 1) => fc.subarray([...values], { minLength });

/** A group comes before its members, so that no document has a cycle. */
function roleEntry(index: number, major: Major) {
  const option = major >= 16 ? fc.option(fc.boolean(), { nil: undefined }) : fc.constant(undefined);
  const membership = (role: string) =>
    fc.record({ admin: fc.boolean(), inherit: option, set: option }).map((options) => ({ role, ...options }));
  return fc.record(
    {
      name: fc.constant(`r${index}`),
      login: fc.boolean(),
      createdb: fc.boolean(),
      connection_limit: fc.constantFrom(-1, 0, 3),
      valid_until: fc.constantFrom(null, '2040-02-03T04:05:06+01:00'),
      member_of: fc
        .tuple(...ROLES.slice(0, index).map((role) => fc.option(membership(role), { nil: undefined })))
        .map((list) => list.filter((entry) => entry !== undefined)),
      settings: fc.constantFrom(
        [],
        [{ name: 'work_mem', value: '8MB' }],
        [{ name: 'search_path', value: 'app, "$user"', database: 'shop' }],
      ),
    },
    { requiredKeys: ['name'] },
  );
}

function documentOn(major: Major) {
  const grantees = [...ROLES, 'PUBLIC'];
  const grant = fc.tuple(fc.constantFrom(...OBJECTS), some(grantees), fc.boolean()).chain(([object, to, grantOption]) =>
    some(object.privileges).map((privileges) => ({
      on: object.on,
      privileges,
      to,
      grant_option: grantOption && !to.includes('PUBLIC'),
    })),
  );
  const columns = some(ROLES).map((to) => ({
    on: { kind: 'table', schema: 'app', names: ['customers'] },
    privileges: ['SELECT', 'UPDATE'],
    columns: ['name'],
    to,
  }));
  const later = fc.record({
    creator: fc.constant('shop_owner'),
    schema: fc.constantFrom('app', undefined),
    on: fc.constantFrom('table', 'sequence'),
    privileges: fc.constant(['SELECT']),
    to: some(ROLES),
  });
  return fc.record({
    roles: fc.tuple(...ROLES.map((_, index) => roleEntry(index, major))),
    databases: fc.tuple(
      fc.record({
        name: fc.constant('shop'),
        exact_grantees: fc.subarray(grantees),
        grants: fc.array(fc.oneof({ arbitrary: grant, weight: 5 }, columns), { maxLength: 6 }),
        default_privileges: fc.array(later, { maxLength: 2 }),
      }),
    ),
  });
}

/** Grants made by hand, some by roles that hold a grant option: several grantors on one object. */
const BY_HAND = [
  'GRANT USAGE ON SCHEMA app TO r0; GRANT SELECT ON app.orders TO r0 WITH GRANT OPTION; SET ROLE r0; GRANT SELECT ON app.orders TO r3',
  'GRANT USAGE ON SCHEMA app TO r1; GRANT SELECT, UPDATE ON app.customers TO r1 WITH GRANT OPTION; SET ROLE r1; GRANT UPDATE ON app.customers TO r2, r4',
  'GRANT UPDATE (card) ON app.orders TO r2',
  'REVOKE ALL ON FUNCTION app.pay(integer) FROM PUBLIC',
  'SELECT 1',
];

describe.each(CASES)('PostgreSQL $major, admin role: $admin', ({ major, admin }) => {
  const name = `pg-${major}-${admin}`;
  let server: VersionedServer;

  beforeAll(async () => {
    server = await startServerOf(major);
    await engine.register(name, server, admin);
    await engine.applied(name, {
      roles: [...SHOP_ROLES.roles, ...ROLES.map((role) => ({ name: role, login: false }))],
    });
    await createShop(server);
  });
  afterAll(() => server.stop());

  test('an applied document leaves nothing to do, and the document exported before brings back effective privileges, memberships and settings', async () => {
    await fc.assert(
      fc.asyncProperty(
        documentOn(major),
        documentOn(major),
        fc.constantFrom(...BY_HAND),
        async (wanted, next, byHand) => {
          await server.query(byHand, { database: 'shop' });
          const before = await snapshot(server);
          const exported = await engine.exported(name, ['shop']);
          expect(await engine.plan(name, exported)).toMatchObject({ steps: [], refusals: [] });

          const planned = await engine.stack.call('POST', `/v1/servers/${name}/plan`, { document: wanted });
          // What the document contradicts, such as a cycle with the server's own memberships, is refused and not applied.
          fc.pre(planned.status === 200 && planned.body.refusals.length === 0);
          await engine.applied(name, wanted, { plan_hash: planned.body.hash });
          expect(await engine.plan(name, wanted)).toMatchObject({ steps: [], refusals: [] });

          await engine.applied(name, exported);
          expect(await engine.plan(name, exported)).toMatchObject({ steps: [], refusals: [] });
          expect(await snapshot(server)).toEqual(before);

          // Another starting state for the next run.
          const further = await engine.stack.call('POST', `/v1/servers/${name}/plan`, { document: next });
          if (further.status === 200 && further.body.refusals.length === 0) await engine.applied(name, next);
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});

/**
 * What counts: what every role can do, by whatever way, with which options it is a member of what, and what later objects get in
 * the schema `app` and elsewhere.
 */
async function snapshot(server: VersionedServer): Promise<unknown> {
  const names = `unnest('{${[...ROLES, 'ann', 'bob', 'readers', 'writers'].join(',')}}'::name[])`;
  const [row] = await server.query<{ state: unknown }>(
    `SELECT jsonb_build_object(
       'relations', (SELECT jsonb_object_agg(r || ' ' || c.relname, (SELECT string_agg(p, ',' ORDER BY p)
           FROM unnest('{SELECT,INSERT,UPDATE,DELETE,REFERENCES,SELECT WITH GRANT OPTION,UPDATE WITH GRANT OPTION}'::text[]) AS p
           WHERE has_table_privilege(r, c.oid, p)))
         FROM pg_class c, ${names} AS r WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'v')),
       'columns', (SELECT jsonb_object_agg(r || ' ' || a.attrelid::regclass || ' ' || a.attname,
           has_column_privilege(r, a.attrelid, a.attnum, 'UPDATE'))
         FROM pg_attribute a, ${names} AS r
         WHERE a.attrelid IN ('app.orders'::regclass, 'app.customers'::regclass) AND a.attnum > 0),
       'sequences', (SELECT jsonb_object_agg(r, has_sequence_privilege(r, 'app.numbers', 'UPDATE')) FROM ${names} AS r),
       'routines', (SELECT jsonb_object_agg(r || f.oid::regprocedure, has_function_privilege(r, f.oid, 'EXECUTE'))
         FROM pg_proc f, ${names} AS r WHERE f.pronamespace = 'app'::regnamespace),
       'types', (SELECT jsonb_object_agg(r, has_type_privilege(r, 'app.mood', 'USAGE')) FROM ${names} AS r),
       'schema', (SELECT jsonb_object_agg(r, has_schema_privilege(r, 'app', 'CREATE')) FROM ${names} AS r),
       'database', (SELECT jsonb_object_agg(r, has_database_privilege(r, 'shop', 'CONNECT')::text
           || has_database_privilege(r, 'shop', 'CREATE')) FROM ${names} AS r),
       'memberships', (SELECT jsonb_object_agg(m || ' in ' || r, pg_has_role(m, r, 'USAGE')::text || pg_has_role(m, r, 'MEMBER')
           || pg_has_role(m, r, 'MEMBER WITH ADMIN OPTION')) FROM ${names} AS m, ${names} AS r WHERE m <> r),
       'roles', (SELECT jsonb_object_agg(rolname, jsonb_build_array(rolcanlogin, rolcreatedb, rolinherit, rolconnlimit,
           coalesce(rolvaliduntil, 'infinity'))) FROM pg_roles WHERE rolname ~ '^r[0-9]$'),
       'settings', (SELECT jsonb_agg(s.setconfig ORDER BY setdatabase, setrole) FROM pg_db_role_setting s WHERE setrole <> 0),
       'defaults', (SELECT jsonb_agg(DISTINCT jsonb_build_array(place, defaclobjtype, x.grantee::regrole, x.privilege_type))
         FROM unnest('{app,elsewhere}'::text[]) AS place
         JOIN pg_default_acl ON defaclnamespace = 0 OR defaclnamespace::regnamespace::text = place,
           aclexplode(defaclacl) AS x WHERE x.grantee <> defaclrole)
     ) AS state`,
    { database: 'shop' },
  );
  return row?.state;
}
