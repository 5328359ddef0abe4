import { describe, expect, it } from 'vitest';
import { listPrivileges, type PrivilegeRow } from '../../../../domain/access/effective/privileges.ts';
import { objectOf, stateOf } from './support/states.ts';

const ROLES = { alice: { login: true }, reporting: {}, app_owner: {} };
const short = ({ object, privileges, via, path }: PrivilegeRow) => [
  object,
  privileges.join(' '),
  via,
  path.join(' > '),
];

describe('what a role can do', () => {
  it('a role with 2,000 tables has few rows: objects of a schema with the same rights are one', () => {
    const tables = Array.from({ length: 2_000 }, (_, at) =>
      objectOf(`table app.t${at}`, { owner: 'app_owner', acl: { app_owner: 'SELECT', reporting: 'SELECT INSERT' } }),
    );
    const observed = stateOf({
      roles: ROLES,
      memberships: ['reporting > alice'],
      databases: { shop: { objects: [...tables, objectOf('schema app', { acl: { '': 'USAGE' } })] } },
    });
    const { rows, more } = listPrivileges(observed, 'alice');
    expect(rows.map(short)).toEqual([
      ['database shop', 'CONNECT', 'public', 'alice'],
      ['schema app', 'USAGE', 'public', 'alice'],
      ['2000 tables of schema app', 'INSERT SELECT', 'member', 'alice > reporting'],
    ]);
    expect(rows[2]).toMatchObject({ count: 2_000, grantors: ['app_owner'], withGrantOption: false });
    expect(rows[2]?.names).toHaveLength(10);
    expect(more).toBe(0);
  });

  it('each way has its row, with grantors and grant option apart', () => {
    const cards = objectOf('table app.cards', { owner: 'app_owner' });
    const entry = (grantee: string, grantor: string, privileges: number, grantable: number) => ({
      ...{ grantee, grantor, privileges, grantable },
    });
    const acl = [
      entry('alice', 'app_owner', 2, 2),
      entry('alice', 'bob', 2, 0),
      entry('alice', 'bob', 1, 0),
      entry('', 'app_owner', 2, 0),
    ];
    const observed = stateOf({ roles: ROLES, databases: { shop: { acl: {}, objects: [{ ...cards, acl }] } } });
    const { rows } = listPrivileges(observed, 'alice');
    expect(
      rows.map(({ privileges, via, grantors, withGrantOption }) => [privileges, via, grantors, withGrantOption]),
    ).toEqual([
      [['INSERT'], 'direct', ['bob'], false],
      [['SELECT'], 'direct', ['app_owner', 'bob'], true],
      [['SELECT'], 'public', ['app_owner'], false],
    ]);
    expect(listPrivileges(observed, 'alice', { withoutPublic: true, privilege: 'SELECT' }).rows).toHaveLength(1);
  });

  it('columns, ownership, predefined roles and SET ROLE are told apart', () => {
    const observed = stateOf({
      roles: { ...ROLES, pg_read_all_data: {}, anon: {} },
      memberships: ['pg_read_all_data > alice', 'anon > alice -inherit', 'app_owner > alice'],
      databases: {
        shop: {
          acl: {},
          objects: [
            objectOf('table app.cards', {
              owner: 'app_owner',
              acl: { app_owner: 'DELETE' },
              columns: { id: { alice: 'UPDATE' } },
            }),
            objectOf('routine app.pay(integer)', { acl: { anon: 'EXECUTE' } }),
          ],
        },
      },
    });
    const { rows } = listPrivileges(observed, 'alice');
    expect(rows.map(short)).toEqual([
      ['table app.cards', 'DELETE', 'owner', 'alice > app_owner'],
      ['table app.cards', 'SELECT', 'predefined', 'alice > pg_read_all_data'],
      ['table app.cards', 'UPDATE', 'direct', 'alice'],
      ['routine app.pay(integer)', 'EXECUTE', 'set_role', 'alice > anon'],
    ]);
    expect(rows[2]?.column).toBe('id');
    expect(rows[3]).toMatchObject({ setRole: 'anon', names: ['pay(integer)'] });
  });

  it('superusers have everything, and so has who can SET ROLE to one', () => {
    const observed = stateOf({
      roles: ROLES,
      memberships: ['postgres > alice -inherit'],
      databases: { shop: { acl: {}, objects: [objectOf('table app.cards')] } },
    });
    const everything = 'everything in database shop';
    expect(listPrivileges(observed, 'postgres').rows.map(short)).toEqual([[everything, '', 'superuser', 'postgres']]);
    expect(listPrivileges(observed, 'alice').rows.map(short)).toEqual([
      [everything, '', 'set_role', 'alice > postgres'],
    ]);
  });

  it('a filter leaves only the database, schema or kind that it names; PUBLIC has what is granted to PUBLIC', () => {
    const objects = [
      objectOf('schema app', { acl: { '': 'USAGE' } }),
      objectOf('table app.cards', { acl: { '': 'SELECT', alice: 'INSERT' } }),
      objectOf('table other.cards', { acl: { '': 'SELECT' } }),
    ];
    const observed = stateOf({ roles: ROLES, databases: { shop: { objects }, store: {} } });
    const objectsOf = (filter: Parameters<typeof listPrivileges>[2]) =>
      listPrivileges(observed, '', filter).rows.map(({ object }) => object);
    expect(objectsOf({})).toEqual([
      'database shop',
      'schema app',
      'table app.cards',
      'table other.cards',
      'database store',
    ]);
    expect(objectsOf({ database: 'store' })).toEqual(['database store']);
    expect(objectsOf({ schema: 'app' })).toEqual(['schema app', 'table app.cards']);
    expect(objectsOf({ kind: 'table' })).toEqual(['table app.cards', 'table other.cards']);
    expect(objectsOf({ privilege: 'INSERT' })).toEqual([]);
  });
});
