import { describe, expect, test } from 'vitest';
import type { ObservedObject, ObservedServer } from '../../../../domain/access/observed.ts';
import { diffObjects } from '../../../../domain/access/privileges/diff-objects.ts';
import { renderPrivileges } from '../../../../domain/access/privileges/render.ts';
import { rolesNeeded } from '../../../../domain/access/privileges/roles-needed.ts';
import { simulatePrivileges } from '../../../../domain/access/privileges/simulate.ts';
import { rightsAsText } from './support/compare.ts';
import { asked, database, object, schema, server } from './support/server.ts';

function withObjects(...objects: ObservedObject[]): ObservedServer {
  return server({ roles: ['owner', 'heir', 'bob'], databases: [database([schema(), ...objects])] });
}

const tables = { kind: 'table' as const, schema: 'app', names: 'all' as const };

describe('a new owner', () => {
  test('takes the place of the old one as grantee and grantor, and its own entries become one', () => {
    const observed = withObjects(
      object('table', 'orders', 'owner=arw/owner,heir=r*/owner,bob=r/heir', { columns: { note: 'heir=w/owner' } }),
    );
    const { changes } = diffObjects({ document: asked({ owners: [{ on: tables, owner: 'heir' }] }), observed });
    expect(
      rightsAsText(simulatePrivileges(observed, changes), ['shop']).filter((line) => line.includes('orders')),
    ).toEqual([
      'table app.orders of heir',
      'table app.orders.note: heir has UPDATE from heir',
      'table app.orders: bob has SELECT from heir',
      'table app.orders: heir has INSERT,SELECT,UPDATE option SELECT from heir',
    ]);
  });

  test('is the grantor of what the same document grants, after it', () => {
    const observed = withObjects(object('table', 'orders', 'owner=arw/owner'));
    const document = asked({
      owners: [{ on: tables, owner: 'heir' }],
      grants: [{ on: tables, privileges: ['SELECT'], to: ['bob', 'heir'] }],
    });
    const { changes } = diffObjects({ document, observed });
    expect(changes.map((change) => [change.type, 'grantor' in change ? change.grantor : undefined])).toEqual([
      ['own_object', undefined],
      ['grant', 'heir'],
    ]);
    expect(renderPrivileges(changes, observed).flatMap(({ statements }) => statements)).toEqual([
      { sql: 'ALTER TABLE "app"."orders" OWNER TO "heir"' },
      { sql: 'GRANT SELECT ON TABLE "app"."orders" TO "bob"' },
    ]);
    expect(rolesNeeded(changes, observed)).toEqual(new Map([['shop', new Set(['owner', 'heir'])]]));
  });

  test('of a database is changed outside of it', () => {
    const observed = withObjects();
    const { changes } = diffObjects({ document: asked({ owner: 'heir' }), observed });
    expect(renderPrivileges(changes, observed)).toEqual([
      {
        database: null,
        action: 'change owners',
        summary: 'make heir the owner of database shop',
        statements: [{ sql: 'ALTER DATABASE "shop" OWNER TO "heir"' }],
        changes: 1,
      },
    ]);
  });

  test('of a table becomes that of the sequences of its columns', () => {
    const table = object('table', 'orders', 'owner=arw/owner');
    const observed = withObjects(
      table,
      object('sequence', 'orders_id_seq', 'owner=rwU/owner,bob=r/owner', { ownedBy: table.oid }),
    );
    const { changes } = diffObjects({ document: asked({ owners: [{ on: tables, owner: 'heir' }] }), observed });
    expect(changes).toHaveLength(1);
    expect(
      rightsAsText(simulatePrivileges(observed, changes), ['shop']).filter((line) => line.includes('_seq')),
    ).toEqual([
      'sequence app.orders_id_seq of heir',
      'sequence app.orders_id_seq: bob has SELECT from heir',
      'sequence app.orders_id_seq: heir has SELECT,UPDATE,USAGE from heir',
    ]);
  });

  test('of a sequence that belongs to a column is a problem by name, and left to the table by all', () => {
    const table = object('table', 'orders', 'owner=arw/owner');
    const observed = withObjects(table, object('sequence', 'ids', 'owner=rwU/owner', { ownedBy: table.oid }));
    const ask = (names: string[] | 'all') =>
      diffObjects({
        document: asked({ owners: [{ on: { kind: 'sequence', schema: 'app', names }, owner: 'heir' }] }),
        observed,
      });
    expect(ask(['ids']).problems).toEqual([
      {
        path: 'databases[0].owners[0].on',
        message: expect.stringContaining('belongs to a column of table app.orders'),
      },
    ]);
    expect(ask('all')).toEqual({ changes: [], problems: [], notes: [expect.stringContaining('1 sequence')] });
  });

  test('must be a role that is there, and only one', () => {
    const observed = withObjects(object('table', 'orders', 'owner=arw/owner'));
    const document = asked({
      owners: [
        { on: tables, owner: 'heir' },
        { on: tables, owner: 'bob' },
        { on: tables, owner: 'nobody' },
      ],
    });
    expect(diffObjects({ document, observed }).problems.map(({ path }) => path)).toEqual([
      'databases[0].owners[1].owner',
      'databases[0].owners[2].owner',
    ]);
  });

  test('of what pg_database_owner owns needs the owner of the database', () => {
    const observed = server({
      roles: ['owner', 'heir', 'pg_database_owner'],
      databases: [database([schema('public', 'pg_database_owner=UC/pg_database_owner')])],
    });
    const [shop] = observed.databases.values();
    for (const one of shop?.contents?.objects ?? []) one.owner = 'pg_database_owner';
    const document = asked({
      grants: [{ on: { kind: 'schema', schema: null, names: ['public'] }, privileges: ['CREATE'], to: ['heir'] }],
    });
    const { changes } = diffObjects({ document, observed });
    expect(rolesNeeded(changes, observed)).toEqual(new Map([['shop', new Set(['owner'])]]));
  });
});
