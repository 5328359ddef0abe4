import fc from 'fast-check';
import type { AccessDocument, DesiredDefault, DesiredGrant, Selector } from '../../../../../domain/access/document.ts';
import {
  COLUMN_PRIVILEGES,
  DEFAULT_KINDS,
  type DefaultKind,
  type ObjectKind,
  privilegesOf,
} from '../../../../../domain/access/objects.ts';
import { type ObjectRef, PUBLIC } from '../../../../../domain/access/observed.ts';
import type { PrivilegeName } from '../../../../../domain/access/privileges.ts';
import { asked } from './server.ts';

/** Roles of every random state; the first two own the objects at first. */
export const ROLES = ['owner', 'other', 'a', 'b', 'c', 'd', 'e'] as const;
const GRANTEES = [...ROLES, PUBLIC];

/** Objects of every random state, in database `shop`. */
const OBJECTS: readonly (ObjectRef & { columns?: true })[] = [
  { kind: 'table', schema: 'app', name: 't1', columns: true },
  { kind: 'table', schema: 'app', name: 't2', columns: true },
  { kind: 'view', schema: 'app', name: 'v1', columns: true },
  { kind: 'sequence', schema: 'app', name: 's1' },
  { kind: 'sequence', schema: 'app', name: 's2' },
  { kind: 'routine', schema: 'app', name: 'f1', args: 'integer' },
  { kind: 'routine', schema: 'app', name: 'f1', args: 'text' },
  { kind: 'type', schema: 'app', name: 'ty' },
  { kind: 'schema', schema: null, name: 'app' },
  { kind: 'database', schema: null, name: 'shop' },
];
const COLUMNS = ['a', 'b'] as const;

/** How a random state comes about: statements that may fail, one after the other. */
export type Step =
  | {
      do: 'grant' | 'revoke';
      by: string;
      to: string;
      on: ObjectRef;
      column?: string;
      privileges: PrivilegeName[];
      option: boolean;
    }
  | { do: 'own'; on: ObjectRef; owner: string }
  | { do: 'member'; role: string; member: string }
  | { do: 'superuser'; role: string }
  | {
      do: 'default';
      creator: string;
      schema: string | null;
      on: DefaultKind;
      to: string;
      privileges: PrivilegeName[];
      isGrant: boolean;
      option: boolean;
    };

const role = fc.constantFrom(...ROLES);
const grantee = fc.constantFrom(...GRANTEES);

function some(names: readonly PrivilegeName[]): fc.Arbitrary<PrivilegeName[]> {
  return fc.subarray([...names], { minLength: 1 });
}

const target = fc.constantFrom(...OBJECTS);

/** Grants mostly, of few privileges, so that chains of grant options come about. */
function rightsStep(versionNum: number): fc.Arbitrary<Step> {
  return target.chain(({ columns, ...on }) => {
    const ofKind = privilegesOf(on.kind, versionNum).slice(0, 3);
    const column = columns ? fc.option(fc.constantFrom(...COLUMNS), { nil: undefined }) : fc.constant(undefined);
    return column.chain((name) =>
      fc.record({
        do: fc.constantFrom('grant' as const, 'grant' as const, 'grant' as const, 'revoke' as const),
        ...{ by: role, to: grantee, on: fc.constant(on), option: fc.boolean() },
        privileges: some(name === undefined ? ofKind : ofKind.filter((one) => COLUMN_PRIVILEGES.includes(one))),
        ...(name === undefined ? {} : { column: fc.constant(name) }),
      }),
    );
  });
}

function defaultStep(versionNum: number): fc.Arbitrary<Step> {
  return fc.constantFrom(...(Object.keys(DEFAULT_KINDS) as DefaultKind[])).chain((on) =>
    fc.record({
      do: fc.constant('default' as const),
      ...{ creator: role, to: grantee, on: fc.constant(on), isGrant: fc.boolean(), option: fc.boolean() },
      schema: DEFAULT_KINDS[on].perSchema ? fc.constantFrom('app', null) : fc.constant(null),
      privileges: some(privilegesOf(on, versionNum).slice(0, 3)),
    }),
  );
}

/** A chain of grants of one privilege with grant option, from the owner on. */
function chain(versionNum: number): fc.Arbitrary<Step[]> {
  return fc
    .tuple(target, fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e'], { minLength: 2 }), fc.constantFrom('owner', 'other'))
    .chain(([{ columns: _, ...on }, path, owner]) =>
      some(privilegesOf(on.kind, versionNum).slice(0, 2)).map((privileges) =>
        path.map((to, index): Step => {
          return { do: 'grant', by: path[index - 1] ?? owner, to, on, privileges, option: index < path.length - 1 };
        }),
      ),
    );
}

export function steps(versionNum: number): fc.Arbitrary<Step[]> {
  const one = fc.oneof(
    { weight: 10, arbitrary: rightsStep(versionNum).map((step) => [step]) },
    { weight: 4, arbitrary: chain(versionNum) },
    { weight: 3, arbitrary: defaultStep(versionNum).map((step) => [step]) },
    {
      weight: 1,
      arbitrary: fc
        .record({ do: fc.constant('own' as const), on: target.map(withoutColumns), owner: role })
        .map((step) => [step]),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('member' as const), role, member: role }).map((step) => [step]),
    },
  );
  const superuser = fc.option(fc.constantFrom('d', 'e'), { nil: undefined, freq: 8 });
  return fc
    .tuple(fc.array(one, { maxLength: 40, size: 'max' }), superuser)
    .map(([list, name]) => [...list.flat(), ...(name === undefined ? [] : [{ do: 'superuser' as const, role: name }])]);
}

function withoutColumns({ columns: _, ...ref }: (typeof OBJECTS)[number]): ObjectRef {
  return ref;
}

function selector(kind: ObjectKind): fc.Arbitrary<Selector> {
  const schema = kind === 'schema' || kind === 'database' ? null : 'app';
  const names = OBJECTS.filter((object) => object.kind === kind).map(({ name, args }) =>
    args === undefined ? name : `${name}(${args})`,
  );
  if (kind === 'database') return fc.constant({ kind, schema, names: [] });
  const chosen: fc.Arbitrary<string[] | 'all'> = fc.oneof(
    fc.subarray(names, { minLength: 1 }),
    fc.constant('all' as const),
  );
  return chosen.map((some) => ({ kind, schema, names: some }));
}

const kinds = fc.constantFrom<ObjectKind[]>('table', 'view', 'sequence', 'routine', 'type', 'schema', 'database');

type Entry = Omit<DesiredGrant, 'at'>;

function entry(versionNum: number, isGrant: boolean): fc.Arbitrary<Entry> {
  return kinds.chain((kind): fc.Arbitrary<Entry> => {
    const isRelation = kind === 'table' || kind === 'view';
    const columns = isRelation
      ? fc.option(fc.subarray([...COLUMNS], { minLength: 1 }), { nil: undefined })
      : fc.constant(undefined);
    const canBeLater = isGrant && Object.hasOwn(DEFAULT_KINDS, kind);
    return columns.chain((names) => {
      const ofKind = privilegesOf(kind, versionNum);
      const possible = names === undefined ? ofKind : ofKind.filter((one) => COLUMN_PRIVILEGES.includes(one));
      const privileges: fc.Arbitrary<PrivilegeName[] | 'ALL'> = fc.oneof(
        some(possible),
        some(possible.slice(0, 2)),
        fc.constant('ALL' as const),
      );
      const creators = canBeLater && names === undefined ? ['owner', 'other'] : [];
      return fc
        .tuple(
          selector(kind),
          privileges,
          fc.subarray(GRANTEES, { minLength: 1, maxLength: 3 }),
          fc.boolean(),
          fc.subarray(creators, { maxLength: Math.min(1, creators.length) }),
        )
        .map(([on, chosen, to, grantOption, laterBy]): Entry => {
          const grantees = grantOption ? to.map((name) => (name === PUBLIC ? 'a' : name)) : to;
          const columnsOf = names === undefined ? {} : { columns: names };
          return { on, privileges: chosen, to: grantees, grantOption, laterBy, ...columnsOf };
        });
    });
  });
}

function defaultEntry(versionNum: number): fc.Arbitrary<Omit<DesiredDefault, 'at'>> {
  return defaultStep(versionNum).map((step) => {
    if (step.do !== 'default') throw new Error('not a default');
    const { creator, schema, on, to, privileges, option, isGrant } = step;
    return { creator, schema, on, privileges, to: [to], grantOption: option && to !== PUBLIC, absent: !isGrant };
  });
}

const owned: fc.Arbitrary<{ on: Selector; owner: string }> = fc.record({
  on: kinds.filter((kind) => kind !== 'database').chain(selector),
  owner: fc.constantFrom('owner', 'other', 'a', 'e'),
});

/** What may be asked of database `shop`. */
export function documents(versionNum: number, options: { owners: boolean }): fc.Arbitrary<AccessDocument> {
  return fc
    .record({
      exactGrantees: fc.oneof(fc.constant<string[]>([]), fc.subarray(GRANTEES, { minLength: 1, maxLength: 3 })),
      grants: fc.array(entry(versionNum, true), { maxLength: 4 }),
      revokes: fc.array(entry(versionNum, false), { maxLength: 3 }),
      defaultPrivileges: fc.array(defaultEntry(versionNum), { maxLength: 3 }),
      owners: fc.array(owned, { maxLength: options.owners ? 2 : 0 }),
    })
    .map((parts) => asked(parts));
}
