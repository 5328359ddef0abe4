import { describe, expect, it } from 'vitest';
import { type AccessQuestion, explainAccess } from '../../../../domain/access/effective/explain.ts';
import type { ObservedObject } from '../../../../domain/access/observed.ts';
import { objectOf, type StateInput, stateOf } from './support/states.ts';

const NOW = new Date('2026-05-01T00:00:00Z');
const OPEN_SCHEMA = objectOf('schema app', { acl: { '': 'USAGE' } });
const CARDS = { kind: 'table', schema: 'app', name: 'cards' } as const;

type Database = NonNullable<StateInput['databases']>[string];

/** Asks for SELECT on table app.cards of database shop, unless told otherwise. */
function explain(
  role: string,
  state: Omit<StateInput, 'databases'> & { cards?: ObservedObject; schema?: ObservedObject; shop?: Database },
  question: Partial<AccessQuestion> = {},
) {
  const { cards = objectOf('table app.cards'), schema = OPEN_SCHEMA, shop, ...rest } = state;
  const observed = stateOf({ ...rest, databases: { shop: { ...shop, objects: [schema, cards] } } });
  return explainAccess(observed, { role, database: 'shop', object: CARDS, privilege: 'SELECT', now: NOW, ...question });
}

const ROLES = { alice: { login: true }, reporting: {}, team: {} };
const granted = (acl: Record<string, string>) => objectOf('table app.cards', { acl, owner: 'app_owner' });

describe('ways to a privilege', () => {
  it('every way is told: direct, by several groups, by PUBLIC', () => {
    const answer = explain('alice', {
      roles: ROLES,
      memberships: ['team > alice', 'reporting > alice', 'reporting > team'],
      cards: granted({ alice: 'SELECT', reporting: 'SELECT*', '': 'SELECT' }),
    });
    expect(answer.allowed).toBe(true);
    expect(answer.usable).toBe(true);
    expect(answer.ways.map(({ via, path, grantable }) => [via, path, grantable])).toEqual([
      ['direct', ['alice'], false],
      ['member', ['alice', 'reporting'], true],
      ['member', ['alice', 'team', 'reporting'], true],
      ['public', ['alice'], false],
    ]);
    expect(answer.ways.map(({ sentence }) => sentence)).toEqual([
      'granted to alice by app_owner',
      'granted to reporting by app_owner with grant option (alice → reporting)',
      'granted to reporting by app_owner with grant option (alice → team → reporting)',
      'granted to PUBLIC by app_owner',
    ]);
    expect(answer.sentence).toBe(
      'alice can SELECT table app.cards, granted directly, through group reporting, through PUBLIC',
    );
  });

  it('owners have what their own entry says, members of the owner as well', () => {
    const state = { roles: { ...ROLES, app_owner: {} }, memberships: ['app_owner > alice'] };
    const own = explain('alice', { ...state, cards: granted({ app_owner: 'SELECT' }) });
    expect(own.ways).toMatchObject([{ via: 'owner', path: ['alice', 'app_owner'], grantable: true }]);
    expect(own.sentence).toBe('alice can SELECT table app.cards, as member of its owner app_owner');
    const revoked = explain('alice', { ...state, cards: granted({}) });
    expect(revoked.allowed).toBe(false);
    expect(revoked.obstacles).toEqual([
      'app_owner owns it, but revoked SELECT from itself; as owner it can grant it again',
    ]);
  });

  it('a superuser needs no grant', () => {
    const answer = explain('root', {
      roles: { root: { login: true, superuser: true } },
      schema: objectOf('schema app'),
      shop: { acl: {} },
    });
    expect(answer).toMatchObject({
      allowed: true,
      usable: true,
      sentence: 'root can SELECT table app.cards, as superuser',
    });
  });

  it('predefined roles give what no list shows', () => {
    const state = {
      roles: { ...ROLES, pg_read_all_data: {} },
      memberships: ['pg_read_all_data > alice'],
      schema: objectOf('schema app'),
    };
    expect(explain('alice', state)).toMatchObject({
      usable: true,
      ways: [{ via: 'predefined', path: ['alice', 'pg_read_all_data'], grantors: [] }],
    });
    expect(explain('alice', state, { privilege: 'INSERT' }).allowed).toBe(false);
  });

  it('what only SET ROLE gives is not allowed, but told', () => {
    const answer = explain('alice', {
      roles: ROLES,
      memberships: ['team > alice -inherit', 'reporting > team'],
      cards: granted({ reporting: 'SELECT' }),
    });
    expect(answer).toMatchObject({
      allowed: false,
      usable: false,
      setRoles: ['team', 'reporting'],
    });
    expect(answer.ways.map(({ via, path, setRole }) => [via, path, setRole])).toEqual([
      ['set_role', ['alice', 'team', 'reporting'], 'team'],
      ['set_role', ['alice', 'team', 'reporting'], 'reporting'],
    ]);
    expect(answer.sentence).toBe('alice can SELECT table app.cards only after SET ROLE team or reporting');
  });

  it('a membership with neither INHERIT nor SET is named as the reason', () => {
    const answer = explain('alice', {
      roles: ROLES,
      memberships: ['reporting > alice -inherit -set'],
      cards: granted({ reporting: 'SELECT' }),
    });
    expect(answer.obstacles).toEqual([
      'alice is a member of reporting, but neither inherits what it has nor may SET ROLE to it',
    ]);
  });

  it('a privilege on columns is none on the table, and the columns are named', () => {
    const cards = objectOf('table app.cards', { columns: { id: { alice: 'SELECT' }, name: { alice: 'SELECT' } } });
    const whole = explain('alice', { roles: ROLES, cards });
    expect(whole.allowed).toBe(false);
    expect(whole.obstacles).toEqual(['alice has SELECT (id, name) only, not the whole']);
    const column = explain('alice', { roles: ROLES, cards }, { column: 'id' });
    expect(column).toMatchObject({ allowed: true, ways: [{ via: 'direct', column: 'id' }] });
    expect(column.sentence).toBe('alice can SELECT (id) of table app.cards, granted directly');
    expect(explain('alice', { roles: ROLES, cards }, { column: 'number' }).allowed).toBe(false);
    const table = explain('alice', { roles: ROLES, cards: granted({ alice: 'SELECT' }) }, { column: 'number' });
    expect(table.allowed).toBe(true);
  });

  it('PUBLIC has only what is granted to PUBLIC', () => {
    const cards = granted({ alice: 'SELECT', '': 'INSERT' });
    expect(explain('', { roles: ROLES, cards })).toMatchObject({
      allowed: false,
      obstacles: ['SELECT is not granted to PUBLIC'],
    });
    expect(explain('', { roles: ROLES, cards }, { privilege: 'INSERT' })).toMatchObject({
      allowed: true,
      usable: true,
      sentence: 'PUBLIC can INSERT into table app.cards, through PUBLIC',
    });
  });

  it('system catalogs are changed by superusers only, whatever was granted', () => {
    const pgClass = objectOf('table pg_catalog.pg_class', { oid: 1259, acl: { alice: 'SELECT UPDATE' } });
    const object = { kind: 'table', schema: 'pg_catalog', name: 'pg_class' } as const;
    const ask = (privilege: 'SELECT' | 'UPDATE') =>
      explain('alice', { roles: ROLES, cards: pgClass }, { object, privilege });
    expect(ask('SELECT').allowed).toBe(true);
    expect(ask('UPDATE')).toMatchObject({ allowed: false, obstacles: ['only superusers change system catalogs'] });
  });
});

describe('what stands in the way', () => {
  const cards = granted({ alice: 'SELECT', reporting: 'SELECT' });

  it.each<[string, Parameters<typeof explain>[1], string]>([
    [
      'USAGE on the schema',
      { roles: ROLES, cards, schema: objectOf('schema app') },
      'alice has no USAGE on schema app',
    ],
    ['CONNECT', { roles: ROLES, cards, shop: { acl: {} } }, 'alice has no CONNECT on database shop'],
    [
      'a closed database',
      { roles: ROLES, cards, shop: { allowConnections: false } },
      'database shop accepts no connections',
    ],
    [
      'a connection limit of 0',
      { roles: { alice: { login: true, connectionLimit: 0 } }, cards },
      'the connection limit of alice is 0',
    ],
    [
      'a password that is no longer valid',
      { roles: { alice: { login: true, validUntil: '2026-04-30T00:00:00Z' } }, cards },
      'the password of alice was valid until 2026-04-30T00:00:00Z; only other ways to log in work',
    ],
    ['NOLOGIN', { roles: { alice: {} }, cards }, 'alice cannot log in, and no login is a member of it'],
  ])('%s', (_, state, obstacle) => {
    const answer = explain('alice', state);
    expect(answer).toMatchObject({ allowed: true, usable: false, obstacles: [obstacle] });
    expect(answer.sentence).toBe(
      `alice was given the right to SELECT table app.cards, granted directly, but cannot use it: ${obstacle}`,
    );
  });

  it('a password that is valid at the moment asked about is no obstacle', () => {
    const state = { roles: { alice: { login: true, validUntil: '2026-05-01T00:00:01Z' } }, cards };
    expect(explain('alice', state).usable).toBe(true);
    expect(explain('alice', state, { now: new Date('2026-05-01T00:00:01Z') }).usable).toBe(false);
  });

  it('a group is used by the logins that reach it', () => {
    const roles = { ...ROLES, bob: { login: true } };
    const memberships = ['reporting > alice', 'reporting > bob -inherit'];
    const answer = explain('reporting', { roles, memberships, cards });
    expect(answer).toMatchObject({ allowed: true, usable: true });
    expect(answer.notes).toEqual(['reporting cannot log in itself; 2 logins reach it: alice, bob (by SET ROLE)']);
    const shut = explain('reporting', { roles, memberships, cards, shop: { acl: { reporting: 'CREATE' } } });
    expect(shut.usable).toBe(false);
    expect(shut.obstacles).toEqual([
      'reporting cannot log in, and none of its 2 logins gets into database shop: alice has no CONNECT on database shop',
    ]);
  });

  it('row security holds, except for the owner, BYPASSRLS and superusers', () => {
    const secured = { ...granted({ alice: 'SELECT', app_owner: 'SELECT', bypass: 'SELECT' }), rowSecurity: true };
    const roles = { ...ROLES, app_owner: { login: true }, bypass: { login: true, bypassrls: true } };
    const effect = (role: string) => explain(role, { roles, cards: secured }).rowSecurity;
    expect(['alice', 'app_owner', 'bypass', 'postgres'].map(effect)).toEqual(['applies', 'exempt', 'exempt', 'exempt']);
    expect(explain('alice', { roles, cards: secured }, { privilege: 'TRUNCATE' }).rowSecurity).toBeNull();
    expect(explain('alice', { roles, cards }).rowSecurity).toBeNull();
  });

  it('names that do not exist are told', () => {
    const problem = (role: string, question: Partial<AccessQuestion>) =>
      explain(role, { roles: ROLES, cards }, question).obstacles;
    expect(problem('nobody', {})).toEqual(['there is no role nobody']);
    expect(problem('alice', { database: 'none' })).toEqual(['there is no database none']);
    expect(problem('alice', { object: { ...CARDS, name: 'x' } })).toEqual(['there is no table app.x in database shop']);
    expect(problem('alice', { privilege: 'EXECUTE' })).toEqual(['on this server a table has no privilege EXECUTE']);
    expect(problem('alice', { privilege: 'DELETE', column: 'id' })).toEqual([
      'DELETE is not a privilege of single columns',
    ]);
  });

  it('rights on the database itself are answered like those on objects', () => {
    const ask = (role: string) =>
      explain(
        role,
        { roles: ROLES, shop: { acl: { alice: 'CONNECT' } } },
        { object: { kind: 'database', schema: null, name: 'shop' }, privilege: 'CONNECT' },
      );
    expect(ask('alice').sentence).toBe('alice can CONNECT to database shop, granted directly');
    expect(ask('reporting').allowed).toBe(false);
  });
});
