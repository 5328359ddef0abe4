import { describe, expect, test } from 'vitest';
import type { AccessDocument } from '../../../../domain/access/document.ts';
import { type ObservedObject, type ObservedServer, PUBLIC } from '../../../../domain/access/observed.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import type { Findings } from '../../../../domain/access/privileges/findings.ts';
import { renderPrivileges } from '../../../../domain/access/privileges/render.ts';
import { simulatePrivileges } from '../../../../domain/access/privileges/simulate.ts';
import { rightsAsText } from './support/compare.ts';
import { asked, database, object, role, schema, server } from './support/server.ts';

const ROLES = ['owner', 'reporting', 'app', 'bob', 'carol', 'dave'];

function withObjects(...objects: ObservedObject[]): ObservedServer {
  return server({ roles: ROLES, databases: [database([schema(), ...objects])] });
}

function sqlOf(document: AccessDocument, observed: ObservedServer): string[] {
  const { changes, problems } = diffObjects({ document, observed });
  expect(problems).toEqual([]);
  return renderPrivileges(changes, observed).flatMap(({ statements }) => statements.map(({ sql }) => sql));
}

function rightsAfter(document: AccessDocument, observed: ObservedServer, of: string): string[] {
  const { changes } = diffObjects({ document, observed });
  return rightsAsText(simulatePrivileges(observed, changes), ['shop']).filter((line) => line.startsWith(`${of}:`));
}

function find(document: AccessDocument, observed: ObservedServer): Findings {
  return diffObjects({ document, observed });
}

const orders = { kind: 'table', schema: 'app', names: ['orders'] } as const;
const on = (selector: typeof orders) => ({ ...selector, names: [...selector.names] });

describe('privileges', () => {
  test('that a grantee has already, from whatever grantor, are not granted again', () => {
    const observed = withObjects(object('table', 'orders', 'owner=arwd/owner,bob=r*/owner,reporting=r/bob'));
    const document = asked({ grants: [{ on: on(orders), privileges: ['SELECT', 'INSERT'], to: ['reporting'] }] });
    expect(sqlOf(document, observed)).toEqual(['GRANT INSERT ON TABLE "app"."orders" TO "reporting"']);
  });

  test('on a column that the whole table gives are not granted again', () => {
    const observed = withObjects(object('table', 'orders', 'owner=arwd/owner,app=r/owner', { columnNames: ['note'] }));
    const document = asked({
      grants: [{ on: on(orders), columns: ['note'], privileges: ['SELECT', 'UPDATE'], to: ['app'] }],
    });
    expect(sqlOf(document, observed)).toEqual(['GRANT UPDATE ("note") ON TABLE "app"."orders" TO "app"']);
  });

  test('gain a grant option that is missing', () => {
    const observed = withObjects(object('table', 'orders', 'owner=arwd/owner,reporting=r/owner'));
    const document = asked({
      grants: [{ on: on(orders), privileges: ['SELECT'], to: ['reporting'], grantOption: true }],
    });
    expect(sqlOf(document, observed)).toEqual([
      'GRANT SELECT ON TABLE "app"."orders" TO "reporting" WITH GRANT OPTION',
    ]);
  });

  test('of unmentioned grantees and objects stay as they are', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=arwd/owner,bob=arw/owner'),
      object('table', 'cards', 'owner=arwd/owner,reporting=arw/owner'),
    );
    const document = asked({ grants: [{ on: on(orders), privileges: ['SELECT'], to: ['reporting'] }] });
    expect(sqlOf(document, observed)).toHaveLength(1);
  });

  test('ALL is what the version has: MAINTAIN from 17 on', () => {
    const grants = [{ on: on(orders), to: ['reporting'] }];
    const of = (versionNum: number) =>
      sqlOf(
        asked({ grants }),
        server({
          versionNum,
          roles: ROLES,
          databases: [database([schema(), object('table', 'orders', 'owner=r/owner')])],
        }),
      );
    expect(of(160_000)).toEqual([
      'GRANT INSERT, SELECT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE "app"."orders" TO "reporting"',
    ]);
    expect(of(170_000)[0]).toContain('MAINTAIN');
  });

  test('that the version does not have are a problem', () => {
    const observed = server({
      versionNum: 150_000,
      roles: ROLES,
      databases: [database([schema(), object('table', 'orders', 'owner=r/owner')])],
    });
    const document = asked({ grants: [{ on: on(orders), privileges: ['MAINTAIN'], to: ['reporting'] }] });
    expect(find(document, observed).problems).toEqual([
      { path: 'databases[0].grants[0].privileges', message: 'PostgreSQL 15 has no privilege MAINTAIN on a table' },
    ]);
  });

  test('of an owner are not granted to it', () => {
    const observed = withObjects(object('table', 'orders', 'owner=r/owner'));
    expect(sqlOf(asked({ grants: [{ on: on(orders), to: ['owner'] }] }), observed)).toEqual([]);
  });

  test('of an owner cannot be revoked by name, and are left out of all', () => {
    const observed = withObjects(object('table', 'orders', 'owner=r/owner,bob=r/owner'));
    const named = asked({ revokes: [{ on: on(orders), to: ['owner'] }] });
    expect(find(named, observed).problems.map(({ path }) => path)).toEqual(['databases[0].revokes[0].from']);
    const all = asked({ revokes: [{ on: { kind: 'table', schema: 'app', names: 'all' }, to: ['owner', 'bob'] }] });
    const found = find(all, observed);
    expect(found.problems).toEqual([]);
    expect(found.notes).toContain(
      'databases[0].revokes[0]: owner owns table app.orders; rights of an owner are not managed',
    );
    expect(sqlOf(all, observed)).toEqual(['REVOKE SELECT ON TABLE "app"."orders" FROM "bob"']);
  });

  test('that are granted and revoked at one place contradict each other', () => {
    const observed = withObjects(object('table', 'orders', 'owner=r/owner'));
    const entry = { on: on(orders), privileges: ['SELECT' as const], to: ['bob'] };
    expect(find(asked({ grants: [entry], revokes: [entry] }), observed).problems).toEqual([
      { path: 'databases[0].revokes[0].from[0]', message: 'SELECT is granted to bob by the same document' },
    ]);
  });

  test('of exact grantees are those listed: all others go, on every object, column and schema', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=arwd/owner,app=arw/owner', { columns: { note: 'app=x/owner' } }),
      object('sequence', 'ids', 'owner=rwU/owner,app=rU/owner'),
      object('routine', 'pay', '=X/owner,owner=X/owner,app=X/owner', { args: 'integer' }),
    );
    const document = asked({
      exactGrantees: ['app'],
      grants: [{ on: on(orders), privileges: ['SELECT', 'DELETE'], to: ['app'] }],
    });
    expect(sqlOf(document, observed)).toEqual([
      'REVOKE EXECUTE ON ROUTINE "app"."pay"(integer) FROM "app"',
      'REVOKE SELECT, USAGE ON SEQUENCE "app"."ids" FROM "app"',
      'REVOKE INSERT, UPDATE ON TABLE "app"."orders" FROM "app"',
      'REVOKE REFERENCES ("note") ON TABLE "app"."orders" FROM "app"',
      'GRANT DELETE ON TABLE "app"."orders" TO "app"',
    ]);
  });

  test('of exact grantees cannot be known where a database was not read', () => {
    const { contents: _, ...unread } = database([]);
    const observed = server({ roles: ROLES, databases: [unread] });
    expect(find(asked({ exactGrantees: ['app'] }), observed).problems.map(({ path }) => path)).toEqual([
      'databases[0].exact_grantees',
    ]);
  });

  test('of PUBLIC in the schemas of the server stay, however exact PUBLIC is', () => {
    const observed = withObjects(
      object('routine', 'pg_ls_dir', '=X/postgres,postgres=X/postgres', {
        schema: 'pg_catalog',
        args: 'text',
        owner: 'postgres',
      }),
      object('routine', 'pay', '=X/owner,owner=X/owner', { args: '' }),
    );
    expect(sqlOf(asked({ exactGrantees: [PUBLIC] }), observed)).toEqual([
      'REVOKE CONNECT, TEMPORARY ON DATABASE "shop" FROM PUBLIC'.replace('CONNECT, TEMPORARY', 'TEMPORARY, CONNECT'),
      'REVOKE EXECUTE ON ROUTINE "app"."pay"() FROM PUBLIC',
      'REVOKE USAGE ON SCHEMA "app" FROM PUBLIC',
    ]);
  });
});

describe('a long list of grantees', () => {
  test('is noted before the server refuses the row', () => {
    const many = Array.from({ length: 1_250 }, (_, index) => `u${index}`);
    const observed = server({
      roles: ['owner', ...many],
      databases: [database([schema(), object('table', 'orders', 'owner=r/owner')])],
    });
    const { notes } = find(asked({ grants: [{ on: on(orders), privileges: ['SELECT'], to: many }] }), observed);
    expect(notes).toEqual([expect.stringContaining('table app.orders will have 1251 entries')]);
  });
});

describe('a revoke', () => {
  test('reaches every grantor, each as itself', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=r/owner,bob=r*/owner,reporting=r/owner,reporting=r/bob'),
    );
    const document = asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['reporting'] }] });
    expect(sqlOf(document, observed).toSorted()).toEqual([
      'RESET ROLE',
      'REVOKE SELECT ON TABLE "app"."orders" FROM "reporting"',
      'REVOKE SELECT ON TABLE "app"."orders" FROM "reporting"',
      'SET LOCAL ROLE "bob"',
    ]);
    expect(rightsAfter(document, observed, 'table app.orders')).toEqual([
      'table app.orders: bob has SELECT option SELECT from owner',
      'table app.orders: owner has SELECT from owner',
    ]);
  });

  test('of the grant option alone leaves the privilege', () => {
    const observed = withObjects(object('table', 'orders', 'owner=r/owner,bob=r*/owner'));
    const document = asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['bob'], grantOption: true }] });
    expect(sqlOf(document, observed)).toEqual(['REVOKE GRANT OPTION FOR SELECT ON TABLE "app"."orders" FROM "bob"']);
  });

  test('of what PUBLIC has too is noted as without effect', () => {
    const observed = withObjects();
    const document = asked({
      revokes: [{ on: { kind: 'database', schema: null, names: [] }, privileges: ['CONNECT'], to: ['bob'] }],
    });
    const found = find(document, observed);
    expect(found.changes).toEqual([]);
    expect(found.notes).toEqual(['database shop: PUBLIC still has CONNECT, and so has bob']);
  });

  test('of a grant option keeps the access of everybody further down the chain, from the owner', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=r/owner,bob=r*/owner,carol=r*/bob,dave=r/carol,reporting=r/bob'),
    );
    const document = asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['bob', 'reporting'] }] });
    expect(sqlOf(document, observed)).toEqual([
      'REVOKE SELECT ON TABLE "app"."orders" FROM "bob" CASCADE',
      'GRANT SELECT ON TABLE "app"."orders" TO "dave"',
      'GRANT SELECT ON TABLE "app"."orders" TO "carol" WITH GRANT OPTION',
    ]);
    expect(find(document, observed).notes).toEqual([
      'table app.orders: carol and dave had it from somebody whose grant option ends, and keep it from the owner',
    ]);
  });

  test('needs no CASCADE where the grant option remains by another grantor', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=r/owner,carol=r*/owner,bob=r*/owner,bob=r*/carol,dave=r/bob'),
    );
    const document = asked({ exactGrantees: ['carol'] });
    // carol's own grant to bob goes with her option; what bob granted stays with the option that he has from the owner.
    expect(rightsAfter(document, observed, 'table app.orders')).toEqual([
      'table app.orders: bob has SELECT option SELECT from owner',
      'table app.orders: dave has SELECT from bob',
      'table app.orders: owner has SELECT from owner',
    ]);
  });

  test('on a table takes the same privilege from columns, and what is to stay there is granted again', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=r/owner,app=r/owner', {
        columnNames: ['id', 'note'],
        columns: { id: 'app=r/owner', note: 'app=r/owner' },
      }),
    );
    const document = asked({
      revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['app'] }],
      grants: [{ on: on(orders), columns: ['id'], privileges: ['SELECT'], to: ['app'] }],
    });
    expect(sqlOf(document, observed)).toEqual([
      'REVOKE SELECT ON TABLE "app"."orders" FROM "app"',
      'GRANT SELECT ("id") ON TABLE "app"."orders" TO "app"',
    ]);
    expect(rightsAfter(document, observed, 'table app.orders.note')).toEqual([]);
  });

  test('from a grantor without USAGE on the schema goes through the owner', () => {
    const closed = schema('app', 'owner=UC/owner');
    const table = object('table', 'orders', 'owner=r/owner,bob=r*/owner,dave=r/bob,carol=r/bob');
    const observed = server({ roles: ROLES, databases: [database([closed, table])] });
    const document = asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['dave'] }] });
    expect(sqlOf(document, observed)).toEqual([
      'REVOKE GRANT OPTION FOR SELECT ON TABLE "app"."orders" FROM "bob" CASCADE',
      'GRANT SELECT ON TABLE "app"."orders" TO "carol"',
      'GRANT SELECT ON TABLE "app"."orders" TO "bob" WITH GRANT OPTION',
    ]);
  });

  test('of a column grant whose grantor lost the option on the table lends the option for it', () => {
    const table = object('table', 'orders', 'owner=r/owner', { columns: { note: 'dave=r/bob' } });
    const document = asked({ exactGrantees: ['dave'] });
    expect(sqlOf(document, withObjects(table))).toEqual([
      'GRANT SELECT ("note") ON TABLE "app"."orders" TO "bob" WITH GRANT OPTION',
      'REVOKE SELECT ("note") ON TABLE "app"."orders" FROM "bob" CASCADE',
    ]);
  });

  test('of what a grantor can give through a role, too, is made as that grantor', () => {
    const table = object('table', 'orders', 'owner=r/owner', { columns: { note: 'dave=r/bob' } });
    const observed = server({
      roles: ROLES,
      memberships: [{ role: 'owner', member: 'bob' }],
      databases: [database([schema(), table])],
    });
    // The owner's REVOKE from bob would not cascade: bob has the rights of the owner.
    expect(sqlOf(asked({ exactGrantees: ['dave'] }), observed)).toEqual([
      'GRANT SELECT ("note") ON TABLE "app"."orders" TO "bob" WITH GRANT OPTION',
      'SET LOCAL ROLE "bob"',
      'REVOKE SELECT ("note") ON TABLE "app"."orders" FROM "dave"',
      'RESET ROLE',
      'REVOKE SELECT ("note") ON TABLE "app"."orders" FROM "bob"',
    ]);
  });

  test('of the grant option on a table is one on its columns', () => {
    const table = object('table', 'orders', 'owner=r/owner', { columns: { note: 'app=r*/owner' } });
    const document = asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['app'], grantOption: true }] });
    expect(sqlOf(document, withObjects(table))).toEqual([
      'REVOKE GRANT OPTION FOR SELECT ("note") ON TABLE "app"."orders" FROM "app"',
    ]);
  });

  test('of what a superuser granted when it was none is a problem: no statement reaches it', () => {
    const observed = server({
      roles: ['owner', role('boss', { superuser: true }), 'dave'],
      databases: [database([schema(), object('table', 'orders', 'owner=r/owner,boss=r*/owner,dave=r/boss')])],
    });
    const found = find(asked({ revokes: [{ on: on(orders), privileges: ['SELECT'], to: ['dave'] }] }), observed);
    expect(found.problems).toEqual([
      { path: 'databases[0].revokes[0]', message: expect.stringContaining('it was granted by boss') },
    ]);
  });

  test('in a schema comes before that of the schema, and grants of schemas come first', () => {
    const observed = withObjects(object('table', 'orders', 'owner=r/owner,bob=r*/owner,app=r/bob'));
    const document = asked({
      exactGrantees: [PUBLIC, 'app'],
      grants: [{ on: { kind: 'schema', schema: null, names: ['app'] }, privileges: ['USAGE'], to: ['app'] }],
    });
    expect(sqlOf(document, observed).filter((sql) => !sql.includes('DATABASE'))).toEqual([
      'GRANT USAGE ON SCHEMA "app" TO "app"',
      'SET LOCAL ROLE "bob"',
      'REVOKE SELECT ON TABLE "app"."orders" FROM "app"',
      'RESET ROLE',
      'REVOKE USAGE ON SCHEMA "app" FROM PUBLIC',
    ]);
  });
});

describe('a selector', () => {
  const observed = withObjects(
    object('table', 'orders', 'owner=r/owner', { columnNames: ['id'] }),
    object('table', 'cards', 'owner=r/owner', { columnNames: ['id', 'number'] }),
    object('view', 'totals', 'owner=r/owner'),
    object('routine', 'pay', 'owner=X/owner', { args: 'integer, character varying' }),
    object('routine', 'pay', 'owner=X/owner', { args: 'app.money' }),
    object('routine', 'refund', 'owner=X/owner', { args: 'timestamp with time zone[]' }),
  );
  const to = ['reporting'];
  const grant = (kind: ObservedObject['kind'], names: string[] | 'all', more = {}) =>
    asked({ grants: [{ on: { kind, schema: 'app', names }, to, ...more }] });

  test('all covers what is of the kind now, and says so where later objects are not covered', () => {
    const document = grant('table', 'all', { privileges: ['SELECT'] });
    expect(sqlOf(document, observed)).toEqual(['GRANT SELECT ON TABLE "app"."cards", "app"."orders" TO "reporting"']);
    expect(find(document, observed).notes).toEqual([
      'databases[0].grants[0]: all tables of schema app (2 tables now); objects made later are not covered without default privileges',
    ]);
    expect(find(grant('table', 'all', { laterBy: ['owner'] }), observed).notes).toEqual([]);
  });

  test.each([
    ['pay(int,  varchar(10))', '"pay"(integer, character varying)'],
    ['pay ( INT4 , "varchar" )', '"pay"(integer, character varying)'],
    ['pay(app.money)', '"pay"(app.money)'],
    ['pay(money)', '"pay"(app.money)'],
    ['refund', '"refund"(timestamp with time zone[])'],
    ['refund(timestamptz[])', '"refund"(timestamp with time zone[])'],
  ])('finds the routine %s', (name, sql) => {
    expect(sqlOf(grant('routine', [name]), observed)).toEqual([`GRANT EXECUTE ON ROUTINE "app".${sql} TO "reporting"`]);
  });

  test.each([
    ['table', ['orders', 'none'], {}, 'databases[0].grants[0].on.names[1]', 'there is no table "none" in schema "app"'],
    ['table', ['totals'], {}, 'databases[0].grants[0].on.names[0]', '"totals" is a view, no table,'],
    ['routine', ['pay'], {}, 'databases[0].grants[0].on.names[0]', 'ambiguous'],
    ['routine', ['pay(text)'], {}, 'databases[0].grants[0].on.names[0]', 'there is no routine'],
    [
      'table',
      'all',
      { columns: ['id', 'number'], privileges: ['SELECT'] },
      'databases[0].grants[0].columns[1]',
      'table app.orders',
    ],
    ['sequence', 'all', { columns: ['id'] }, 'databases[0].grants[0].columns', 'a sequence has no columns'],
    [
      'table',
      ['orders'],
      { privileges: ['DELETE'], columns: ['id'] },
      'databases[0].grants[0].privileges',
      'DELETE on columns',
    ],
    ['table', ['orders'], { to: ['reporting', 'nobody'] }, 'databases[0].grants[0].to[1]', 'there is no role "nobody"'],
    ['table', ['orders'], { to: [PUBLIC], grantOption: true }, 'databases[0].grants[0].to[0]', 'PUBLIC cannot have'],
  ] as const)('of %s %j with %j is a problem at %s', (kind, names, more, path, message) => {
    const { problems } = find(grant(kind, names === 'all' ? names : [...names], more), observed);
    expect(problems).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  test('in a schema or a database that is not there is a problem', () => {
    const elsewhere = asked({ grants: [{ on: { kind: 'table', schema: 'none', names: 'all' }, to }] });
    expect(find(elsewhere, observed).problems).toEqual([
      { path: 'databases[0].grants[0].on.schema', message: 'there is no schema "none" in database "shop"' },
    ]);
    expect(find(asked({ name: 'none' }), observed).problems).toEqual([
      { path: 'databases[0].name', message: 'there is no database "none" on server main' },
    ]);
  });

  test('may name roles that the same document makes', () => {
    const document = grant('table', ['orders'], { privileges: ['SELECT'], to: ['new'] });
    document.roles.push({ name: 'new', at: 'roles[0]', attributes: {}, hasPassword: false, adopt: false });
    expect(sqlOf(document, observed)).toEqual(['GRANT SELECT ON TABLE "app"."orders" TO "new"']);
  });
});
