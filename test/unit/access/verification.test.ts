import { describe, expect, test } from 'vitest';
import type { Change } from '../../../domain/access/changes.ts';
import type { DesiredDatabase, DesiredGrant } from '../../../domain/access/document.ts';
import type { ObjectRef, ObservedObject } from '../../../domain/access/observed.ts';
import { databaseItself, touchedBy, touchedObjects, touchedPart } from '../../../domain/access/verification.ts';

const granted = (object: ObjectRef): Change => ({
  ...{ type: 'grant', database: 'shop', object, grantee: 'a', grantor: 'owner', privileges: 2, grantOption: false },
});
const table = (schema: string, name: string): ObjectRef => ({ kind: 'table', schema, name });
const wish = (kind: ObjectRef['kind'], schema: string | null, names: string[] | 'all'): DesiredGrant => ({
  ...{ on: { kind, schema, names }, privileges: 'ALL', to: ['a'], grantOption: false, laterBy: ['owner'], at: 'x' },
});
const asked = (grants: DesiredGrant[]): DesiredDatabase => ({
  ...{ name: 'shop', at: 'databases[0]', owner: 'owner', exactGrantees: ['a'], grants, revokes: [] },
  defaultPrivileges: [
    {
      creator: 'owner',
      schema: null,
      on: 'table',
      privileges: 'ALL',
      to: ['a'],
      grantOption: false,
      absent: false,
      at: 'x',
    },
  ],
  owners: [{ on: { kind: 'table', schema: 'app', names: 'all' }, owner: 'owner', at: 'x' }],
});

describe('what transactions touch', () => {
  test('objects by catalog, schema and name, and the schemas that were named', () => {
    const changes = [
      granted(table('app', 'orders')),
      granted({ kind: 'view', schema: 'app', name: 'totals' }),
      granted({ kind: 'schema', schema: null, name: 'other' }),
    ];
    expect(touchedBy(changes)).toEqual({
      catalogs: ['table', 'schema'],
      schemas: ['app', 'other'],
      names: ['orders', 'totals'],
    });
  });

  test('objects that were read: those of these names in these schemas, and the schemas', () => {
    const read = (object: ObjectRef): ObservedObject => ({ ...object, oid: 1, owner: 'owner', acl: [] });
    const objects = [
      { kind: 'schema', schema: null, name: 'app' } as const,
      { kind: 'schema', schema: null, name: 'other' } as const,
      table('app', 'orders'),
      table('app', 'customers'),
      table('other', 'orders'),
      { kind: 'sequence', schema: 'app', name: 'orders' } as const,
      { kind: 'routine', schema: 'app', name: 'pay', args: 'text' } as const,
      { kind: 'type', schema: 'app', name: 'orders' } as const,
    ].map(read);
    const touched = touchedBy([
      granted(table('app', 'orders')),
      granted({ kind: 'routine', schema: 'app', name: 'pay', args: 'integer' }),
    ]);
    if (touched === undefined) throw new Error('it can be told');
    const labels = touchedObjects({ objects, defaults: [] }, touched).map(({ kind, name }) => `${kind} ${name}`);
    expect(labels).toEqual(['schema app', 'table orders', 'sequence orders', 'routine pay']);
  });

  test('nobody can tell for owners and default privileges', () => {
    const object = table('app', 'orders');
    const owned: Change = { type: 'own_object', database: 'shop', object, owner: 'b', from: 'a' };
    expect(touchedBy([granted(object), owned])).toBeUndefined();
    const on = { database: 'shop', creator: 'a', schema: null, on: 'table', grantee: 'b', privileges: 2 } as const;
    expect(touchedBy([{ type: 'grant_default', grantOption: false, ...on }])).toBeUndefined();
  });
});

describe('what is asked', () => {
  test('of touched objects, and of the database itself', () => {
    const touched = touchedBy([
      granted(table('app', 'orders')),
      granted({ kind: 'routine', schema: 'app', name: 'pay', args: 'integer' }),
    ]);
    if (touched === undefined) throw new Error('it can be told');
    const part = touchedPart(
      asked([
        wish('table', 'app', ['orders', 'customers']),
        wish('sequence', 'app', ['orders_id']),
        wish('view', 'app', 'all'),
        wish('table', 'other', ['orders']),
        wish('routine', 'app', ['pay(integer)', 'refund']),
        wish('type', 'app', ['orders']),
        wish('schema', null, ['app', 'other']),
        wish('database', null, []),
      ]),
      touched,
    );
    expect(part.grants.map(({ on, laterBy }) => [on.kind, on.schema, on.names, laterBy])).toEqual([
      ['table', 'app', ['orders'], []],
      ['view', 'app', 'all', []],
      ['routine', 'app', ['pay(integer)'], []],
      ['schema', null, ['app'], []],
      ['database', null, [], []],
    ]);
    expect(part).toMatchObject({ exactGrantees: ['a'], defaultPrivileges: [], owners: [] });
    expect(part.owner).toBeUndefined();
  });

  test('of a database itself, with its owner and its exact grantees', () => {
    const itself = databaseItself(asked([wish('table', 'app', 'all'), wish('database', null, [])]));
    expect(itself.grants.map(({ on }) => on.kind)).toEqual(['database']);
    expect(itself).toMatchObject({ owner: 'owner', exactGrantees: ['a'], defaultPrivileges: [], owners: [] });
  });
});
