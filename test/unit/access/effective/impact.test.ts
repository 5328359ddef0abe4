import { describe, expect, it } from 'vitest';
import type { Change } from '../../../../domain/access/changes.ts';
import { computeImpact } from '../../../../domain/access/effective/impact.ts';
import type { ObservedObject } from '../../../../domain/access/observed.ts';
import { maskOf } from '../../../../domain/access/privileges.ts';
import { objectOf, type StateInput, stateOf } from './support/states.ts';

const OPEN_SCHEMA = objectOf('schema app', { acl: { '': 'USAGE' } });

/** One database `shop` with these objects in its schema `app`, which everybody may use. */
function shop(objects: ObservedObject[]): NonNullable<StateInput['databases']> {
  return { shop: { objects: [OPEN_SCHEMA, ...objects] } };
}

function impactOf(before: StateInput, after: StateInput, changes: Change[] = []) {
  return computeImpact({ before: stateOf(before), after: stateOf(after), changes });
}

function sentences(before: StateInput, after: StateInput) {
  const { gained, lost } = impactOf(before, after);
  return { gained: gained.map(({ sentence }) => sentence), lost: lost.map(({ sentence }) => sentence) };
}

const LOGINS = { alice: { login: true }, bob: { login: true }, carol: { login: true } };
const GROUP = { ...LOGINS, reporting: {} };

describe('impact of privileges', () => {
  it('a grant to a group is gained by its logins, through the group', () => {
    const memberships = ['reporting > alice', 'reporting > bob'];
    const before = { roles: GROUP, memberships, databases: shop([objectOf('table app.cards')]) };
    const after = { ...before, databases: shop([objectOf('table app.cards', { acl: { reporting: 'SELECT' } })]) };
    const impact = impactOf(before, after);
    expect(impact.gained).toEqual([
      {
        database: 'shop',
        object: 'table app.cards',
        privilege: 'SELECT',
        logins: ['alice', 'bob'],
        through: ['reporting'],
        sentence: '2 more logins can SELECT table app.cards, through group reporting',
      },
    ]);
    expect(impact.lost).toEqual([]);
    expect(impactOf(after, before).lost.map(({ sentence }) => sentence)).toEqual([
      '2 logins can no longer SELECT table app.cards, so far through group reporting',
    ]);
  });

  it('a grant to PUBLIC reaches every login, and a revoke from a group takes nothing from whoever has it elsewhere', () => {
    const base = { roles: GROUP, memberships: ['reporting > alice'] };
    const own = {
      ...base,
      databases: shop([objectOf('table app.cards', { acl: { reporting: 'SELECT', alice: 'SELECT' } })]),
    };
    const less = { ...base, databases: shop([objectOf('table app.cards', { acl: { alice: 'SELECT' } })]) };
    const open = { ...base, databases: shop([objectOf('table app.cards', { acl: { '': 'SELECT' } })]) };
    expect(sentences(own, less)).toEqual({ gained: [], lost: [] });
    expect(sentences(less, open)).toEqual({
      gained: ['2 more logins can SELECT table app.cards, through PUBLIC'],
      lost: [],
    });
  });

  it('what a login cannot use is neither gained nor lost: no CONNECT, no USAGE on the schema, no LOGIN', () => {
    const cards = objectOf('table app.cards');
    const granted = objectOf('table app.cards', { acl: { alice: 'SELECT' } });
    const closed = objectOf('schema app');
    const cases: [StateInput['roles'], NonNullable<StateInput['databases']>[string]][] = [
      [LOGINS, { acl: {}, objects: [OPEN_SCHEMA] }],
      [LOGINS, { objects: [closed] }],
      [{ alice: {} }, { objects: [OPEN_SCHEMA] }],
      [{ alice: { login: true, connectionLimit: 0 } }, { objects: [OPEN_SCHEMA] }],
      [LOGINS, { allowConnections: false, objects: [OPEN_SCHEMA] }],
    ];
    for (const [roles, database] of cases) {
      const withTable = (table: ObservedObject) => ({
        roles,
        databases: { shop: { ...database, objects: [...(database.objects ?? []), table] } },
      });
      expect(sentences(withTable(cards), withTable(granted))).toEqual({ gained: [], lost: [] });
    }
  });

  it('many tables of a schema with the same change are one entry, few are named', () => {
    const tables = (count: number, acl: Record<string, string>) =>
      shop(Array.from({ length: count }, (_, at) => objectOf(`table app.t${at}`, { acl })));
    const state = (count: number, acl: Record<string, string>) => ({ roles: LOGINS, databases: tables(count, acl) });
    expect(sentences(state(240, {}), state(240, { alice: 'SELECT' })).gained).toEqual([
      '1 more login can SELECT 240 tables of schema app, by a direct grant',
    ]);
    expect(sentences(state(2, {}), state(2, { alice: 'SELECT' })).gained).toEqual([
      '1 more login can SELECT table app.t0, by a direct grant',
      '1 more login can SELECT table app.t1, by a direct grant',
    ]);
  });

  it('a change of owner moves what the owner has', () => {
    const state = (owner: string) => ({
      roles: LOGINS,
      databases: shop([objectOf('table app.cards', { owner, acl: { [owner]: 'DELETE' } })]),
    });
    expect(sentences(state('alice'), state('bob'))).toEqual({
      gained: ['1 more login can DELETE from table app.cards, as owner'],
      lost: ['1 login can no longer DELETE from table app.cards, so far as owner'],
    });
  });
});

describe('impact on columns', () => {
  const state = (acl: Record<string, string>, columns: Record<string, Record<string, string>>) => ({
    roles: LOGINS,
    databases: shop([objectOf('table app.cards', { acl, columns })]),
  });

  it('columns are told by name, those with the same logins together', () => {
    const after = state({}, { number: { alice: 'SELECT' }, expiry: { alice: 'SELECT' }, id: { bob: 'SELECT' } });
    expect(impactOf(state({}, {}), after).gained.map(({ privilege, logins }) => [privilege, logins])).toEqual([
      ['SELECT (id)', ['bob']],
      ['SELECT (number, expiry)', ['alice']],
    ]);
  });

  it('who loses the table but keeps a column is told so, and who gains the table is not told of its columns', () => {
    const whole = state({ alice: 'SELECT' }, { id: { alice: 'SELECT' } });
    const column = state({}, { id: { alice: 'SELECT' } });
    expect(sentences(whole, column).lost).toEqual([
      '1 login can no longer SELECT table app.cards, so far by a direct grant; columns (id) stay',
    ]);
    expect(sentences(state({}, {}), whole).gained).toEqual([
      '1 more login can SELECT table app.cards, by a direct grant',
    ]);
  });
});

describe('impact of doors', () => {
  it('CONNECT on a database is told once, with no entry for what lies in it', () => {
    const tables = Array.from({ length: 5 }, (_, at) => objectOf(`table app.t${at}`, { acl: { alice: 'SELECT' } }));
    const state = (acl: Record<string, string>) => ({
      roles: LOGINS,
      databases: { shop: { acl, objects: [OPEN_SCHEMA, ...tables] } },
    });
    expect(sentences(state({ alice: 'CONNECT' }), state({}))).toEqual({
      gained: [],
      lost: ['1 login can no longer CONNECT to database shop, nor anything in it, so far by a direct grant'],
    });
  });

  it('USAGE on a schema is told once, with no entry for what lies in it', () => {
    const table = objectOf('table app.cards', { acl: { alice: 'SELECT' } });
    const state = (acl: Record<string, string>) => ({
      roles: LOGINS,
      databases: { shop: { objects: [objectOf('schema app', { acl }), table] } },
    });
    expect(sentences(state({}), state({ alice: 'USAGE' })).gained).toEqual([
      '1 more login can use schema app and reach there what they have rights on, by a direct grant',
    ]);
  });

  it('a role that may no longer log in loses its databases', () => {
    const state = (login: boolean) => ({
      roles: { alice: { login } },
      databases: { shop: { objects: [OPEN_SCHEMA, objectOf('table app.cards', { acl: { alice: 'SELECT' } })] } },
    });
    expect(sentences(state(true), state(false)).lost).toEqual([
      '1 login can no longer CONNECT to database shop, nor anything in it, so far through PUBLIC',
    ]);
  });

  it('a role that may log in now is told of the databases, not of what it had and reached by SET ROLE before', () => {
    const state = (login: boolean, rights: string) => ({
      roles: { anon: {}, authenticator: { login } },
      memberships: ['anon > authenticator -inherit'],
      databases: shop([objectOf('table app.todos', { acl: { anon: rights } })]),
    });
    const door = '1 more login can CONNECT to database shop and reach there what they have rights on, through PUBLIC';
    expect(sentences(state(false, 'SELECT'), state(true, 'SELECT')).gained).toEqual([door]);
    expect(sentences(state(false, 'SELECT'), state(true, 'SELECT INSERT')).gained).toEqual([
      door,
      '1 more login can INSERT into table app.todos, but only after SET ROLE anon',
    ]);
  });

  it('a new login in a group is told of the databases and of what the group has, not of what everybody has', () => {
    const databases = shop([
      objectOf('table app.cards', { acl: { reporting: 'SELECT' } }),
      objectOf('routine app.pay(integer)', { acl: { '': 'EXECUTE' } }),
    ]);
    const before = { roles: { reporting: {} }, databases };
    const after = { roles: { reporting: {}, dave: { login: true } }, memberships: ['reporting > dave'], databases };
    expect(sentences(before, after).gained).toEqual([
      '1 more login can CONNECT to database shop and reach there what they have rights on, through PUBLIC',
      '1 more login can SELECT table app.cards, through group reporting',
    ]);
  });

  it('a new superuser is one entry for each database, and many databases are one', () => {
    const state = (superuser: boolean, names: string[]) => ({
      roles: { alice: { login: true, superuser } },
      databases: Object.fromEntries(
        names.map((name) => [name, { objects: [OPEN_SCHEMA, objectOf('table app.cards')] }]),
      ),
    });
    expect(sentences(state(false, ['a', 'b']), state(true, ['a', 'b'])).gained).toEqual([
      '1 more login can do everything in database a, as superuser',
      '1 more login can do everything in database b, as superuser',
    ]);
    const names = Array.from({ length: 7 }, (_, at) => `d${at}`);
    expect(impactOf(state(false, names), state(true, names)).gained).toMatchObject([
      { database: '*', object: '7 databases', privilege: 'ALL', through: ['superuser'] },
    ]);
  });
});

describe('impact of memberships', () => {
  const databases = shop([
    objectOf('table app.cards', { acl: { reporting: 'SELECT' } }),
    objectOf('table app.orders', { acl: { '': 'SELECT' } }),
  ]);

  it('a new membership gives what the group has, also over several steps', () => {
    const before = { roles: { ...GROUP, team: {} }, memberships: ['team > alice'], databases };
    const after = { ...before, memberships: ['team > alice', 'reporting > team'] };
    expect(sentences(before, after)).toEqual({
      gained: ['1 more login can SELECT table app.cards, through group reporting'],
      lost: [],
    });
  });

  it('a membership without INHERIT gives nothing but what SET ROLE gives, and says so', () => {
    const before = { roles: GROUP, databases };
    const after = { ...before, memberships: ['reporting > alice -inherit'] };
    expect(impactOf(before, after).gained).toEqual([
      {
        database: 'shop',
        object: 'table app.cards',
        privilege: 'SELECT',
        logins: ['alice'],
        through: ['reporting'],
        bySetRole: true,
        sentence: '1 more login can SELECT table app.cards, but only after SET ROLE reporting',
      },
    ]);
    const useless = { ...before, memberships: ['reporting > alice -inherit -set'] };
    expect(sentences(before, useless)).toEqual({ gained: [], lost: [] });
  });

  it('who loses inheritance but may still SET ROLE is told so', () => {
    const before = { roles: GROUP, memberships: ['reporting > alice'], databases };
    const after = { roles: GROUP, memberships: ['reporting > alice -inherit'], databases };
    expect(sentences(before, after)).toEqual({
      gained: [],
      lost: [
        '1 login can no longer SELECT table app.cards, so far through group reporting; SET ROLE still leads there',
      ],
    });
  });

  it('a grant to a role that a login reaches only by SET ROLE is told as such', () => {
    const state = (acl: Record<string, string>) => ({
      roles: { anon: {}, authenticator: { login: true } },
      memberships: ['anon > authenticator -inherit'],
      databases: shop([objectOf('table app.todos', { acl })]),
    });
    expect(sentences(state({}), state({ anon: 'SELECT' })).gained).toEqual([
      '1 more login can SELECT table app.todos, but only after SET ROLE anon',
    ]);
  });

  it('SET ROLE to a superuser is one entry, not one for every object', () => {
    const before = { roles: LOGINS, databases };
    const after = { ...before, memberships: ['postgres > alice -inherit'] };
    expect(sentences(before, after).gained).toEqual([
      '1 more login can do everything in database shop, but only after SET ROLE postgres',
    ]);
  });

  it('pg_read_all_data gives every table, its schemas and nothing else', () => {
    const closed = { shop: { objects: [objectOf('schema app'), objectOf('table app.cards')] } };
    const before = { roles: { ...LOGINS, pg_read_all_data: {} }, databases: closed };
    const after = { ...before, memberships: ['pg_read_all_data > alice'] };
    expect(
      impactOf(before, after).gained.map(({ object, privilege, through }) => [object, privilege, through]),
    ).toEqual([
      ['schema app', 'USAGE', ['pg_read_all_data']],
      ['table app.cards', 'SELECT', ['pg_read_all_data']],
    ]);
  });

  it("the database's owner has what pg_database_owner has there, and its group before 16 only if it inherits", () => {
    const state = (owner: string, versionNum: number, inherit: boolean) => ({
      versionNum,
      roles: { alice: { login: true, inherit } },
      databases: { shop: { owner, objects: [objectOf('schema app', { acl: { pg_database_owner: 'CREATE' } })] } },
    });
    const gains = (versionNum: number, inherit: boolean) =>
      sentences(state('postgres', versionNum, inherit), state('alice', versionNum, inherit)).gained;
    expect(gains(160_000, false)).toEqual(['1 more login can CREATE in schema app, through group pg_database_owner']);
    expect(gains(150_000, true)).toEqual(['1 more login can CREATE in schema app, through group pg_database_owner']);
    expect(gains(150_000, false)).toEqual([]);
  });
});

describe('what an impact lists', () => {
  it('objects and roles that are touched, with the number of changes', () => {
    const table = objectOf('table app.cards');
    const grant = (grantee: string): Change => ({
      type: 'grant',
      database: 'shop',
      object: table,
      grantee,
      grantor: 'postgres',
      privileges: maskOf(['SELECT']),
      grantOption: false,
    });
    const membership: Change = {
      type: 'grant_membership',
      role: 'reporting',
      member: 'alice',
      grantor: 'postgres',
      admin: false,
      inherit: true,
      set: true,
    };
    const state = { roles: GROUP, databases: shop([table]) };
    const impact = impactOf(state, state, [grant('alice'), grant('bob'), membership]);
    expect(impact).toEqual({
      objects: [{ database: 'shop', label: 'table app.cards', changes: 2 }],
      roles: ['alice', 'reporting'],
      gained: [],
      lost: [],
    });
  });

  it('long lists end with how many more there are', () => {
    const names = Array.from({ length: 120 }, (_, at) => `u${String(at).padStart(3, '0')}`);
    const roles = Object.fromEntries(names.map((name) => [name, { login: true }]));
    const own = (given: boolean) =>
      shop(names.map((name) => objectOf(`table app.${name}`, { acl: given ? { [name]: 'SELECT' } : {} })));
    const impact = impactOf({ roles, databases: own(false) }, { roles, databases: own(true) });
    expect(impact.gained).toHaveLength(100);
    expect(impact.more).toEqual({ objects: 0, roles: 0, gained: 20, lost: 0 });
    const all = (acl: Record<string, string>) => ({ roles, databases: shop([objectOf('table app.t', { acl })]) });
    const [entry] = impactOf(all({}), all({ '': 'SELECT' })).gained;
    expect(entry?.logins).toHaveLength(50);
    expect(entry?.moreLogins).toBe(70);
    expect(entry?.sentence).toBe('120 more logins can SELECT table app.t, through PUBLIC');
  });
});
