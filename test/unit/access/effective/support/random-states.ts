import fc from 'fast-check';
import { privilegesOf } from '../../../../../domain/access/objects.ts';
import type {
  AclEntry,
  ObservedObject,
  ObservedServer,
  RoleAttributes,
} from '../../../../../domain/access/observed.ts';
import { maskOf } from '../../../../../domain/access/privileges.ts';
import { objectOf, stateOf } from './states.ts';

const ROLES = ['a', 'b', 'c', 'd', 'e', 'f'];
const PREDEFINED = ['pg_read_all_data', 'pg_write_all_data', 'pg_maintain'];
const LABELS = [
  'schema app',
  'schema other',
  'table app.t1',
  'table app.t2',
  'view other.v',
  'sequence app.s',
  'routine app.f()',
];

const attributes = fc.record({
  login: fc.boolean(),
  superuser: fc.integer({ min: 0, max: 11 }).map((dice) => dice === 0),
  inherit: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0),
  connectionLimit: fc.constantFrom(-1, -1, -1, 0),
});

/** Members stand after their groups, so that there are no cycles. */
const membership = fc.record({
  group: fc.integer({ min: 0, max: PREDEFINED.length + ROLES.length - 2 }),
  distance: fc.integer({ min: 1, max: 4 }),
  inherit: fc.boolean(),
  set: fc.boolean(),
  grantor: fc.constantFrom('postgres', 'x'),
});

const entry = (object: ObservedObject, versionNum: number) =>
  fc.record({
    grantee: fc.constantFrom('', 'pg_database_owner', ...ROLES),
    grantor: fc.constantFrom(object.owner, 'a'),
    privileges: fc.subarray(privilegesOf(object.kind, versionNum), { minLength: 1 }).map(maskOf),
  });

function withAcl(label: string, versionNum: number): fc.Arbitrary<ObservedObject> {
  const object = objectOf(label);
  const list = fc.array(entry(object, versionNum), { maxLength: 4 });
  const isTable = object.kind === 'table';
  const columns = isTable
    ? fc.array(fc.tuple(fc.constantFrom('x', 'y'), entry(object, versionNum)), { maxLength: 2 })
    : fc.constant([]);
  return fc.tuple(fc.constantFrom('postgres', ...ROLES), list, columns).map(([owner, entries, onColumns]) => ({
    ...object,
    owner,
    acl: entries.map(complete),
    ...(onColumns.length === 0
      ? {}
      : { columns: new Map(onColumns.map(([column, given]) => [column, [complete(onlyColumns(given))]])) }),
  }));
}

function complete(given: Omit<AclEntry, 'grantable'>): AclEntry {
  return { ...given, grantable: 0 };
}

function onlyColumns<T extends { privileges: number }>(given: T): T {
  return {
    ...given,
    privileges: given.privileges & maskOf(['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) || maskOf(['SELECT']),
  };
}

/** States of a server with one database, `shop`, and always the same names of roles and objects. */
export function states(versionNum: number): fc.Arbitrary<ObservedServer> {
  const shop = objectOf('database shop');
  return fc
    .record({
      roles: fc.tuple(...ROLES.map(() => attributes)),
      memberships: fc.array(membership, { maxLength: 8 }),
      owner: fc.constantFrom('postgres', ...ROLES),
      acl: fc.array(entry(shop, versionNum), { maxLength: 4 }),
      objects: fc.tuple(...LABELS.map((label) => withAcl(label, versionNum))),
    })
    .map(({ roles, memberships, owner, acl, objects }) => {
      const named = Object.fromEntries(
        ROLES.map((name, at): [string, Partial<RoleAttributes>] => [name, roles[at] ?? {}]),
      );
      const there = PREDEFINED.filter((name) => name !== 'pg_maintain' || versionNum >= 170_000);
      const predefined = Object.fromEntries(there.map((name) => [name, {}]));
      const state = stateOf({
        versionNum,
        roles: { ...predefined, ...named },
        databases: { shop: { owner, objects } },
      });
      const order = [...PREDEFINED, ...ROLES];
      const database = state.databases.get('shop');
      return {
        ...state,
        memberships: memberships.flatMap(({ group, distance, inherit, set, grantor }) => {
          const [role, member] = [order[group], order[group + distance]];
          if (role === undefined || member === undefined || !ROLES.includes(member) || !state.roles.has(role))
            return [];
          const old = versionNum < 160_000;
          const options = old ? { inherit: named[member]?.inherit ?? true, set: true } : { inherit, set };
          return [{ role, member, grantor, admin: false, ...options }];
        }),
        databases: new Map(database === undefined ? [] : [['shop', { ...database, acl: acl.map(complete) }]]),
      };
    });
}
