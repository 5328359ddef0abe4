import fc from 'fast-check';
import {
  COLUMN_PRIVILEGES,
  DEFAULT_KINDS,
  type DefaultKind,
  OBJECT_KINDS,
  type ObjectKind,
  privilegesOf,
  RELATION_KINDS,
} from '../../../../domain/access/objects.ts';
import {
  type AclEntry,
  type ObservedDatabase,
  type ObservedDefault,
  type ObservedMembership,
  type ObservedObject,
  type ObservedRole,
  type ObservedServer,
  type ObservedSetting,
  OWNER_PLACEHOLDER,
  PUBLIC,
  type RoleAttributes,
} from '../../../../domain/access/observed.ts';
import { maskOf, type PrivilegeName } from '../../../../domain/access/privileges.ts';
import { CREATE_ROLE_DEFAULTS } from '../../../../domain/access/roles/simulate-roles.ts';

/** What PostgreSQL gives to PUBLIC and the owner of an object without a list of its own (acldefault). */
const BUILTIN: Readonly<Record<string, { owner: PrivilegeName[]; public: PrivilegeName[] }>> = {
  d: { owner: ['CREATE', 'CONNECT', 'TEMPORARY'], public: ['CONNECT', 'TEMPORARY'] },
  n: { owner: ['USAGE', 'CREATE'], public: [] },
  r: { owner: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'], public: [] },
  s: { owner: ['USAGE', 'SELECT', 'UPDATE'], public: [] },
  f: { owner: ['EXECUTE'], public: ['EXECUTE'] },
  T: { owner: ['USAGE'], public: ['USAGE'] },
  l: { owner: ['USAGE'], public: ['USAGE'] },
  F: { owner: ['USAGE'], public: [] },
  S: { owner: ['USAGE'], public: [] },
};

const BUILTIN_ACLS: ReadonlyMap<string, AclEntry[]> = new Map(
  Object.entries(BUILTIN).map(([letter, { owner, public: everyone }]) => [
    letter,
    [
      ...(everyone.length > 0 ? [entry(PUBLIC, OWNER_PLACEHOLDER, everyone)] : []),
      entry(OWNER_PLACEHOLDER, OWNER_PLACEHOLDER, owner),
    ],
  ]),
);

/** An entry of an access control list. */
export function entry(
  grantee: string,
  grantor: string,
  privileges: PrivilegeName[],
  grantable: PrivilegeName[] = [],
): AclEntry {
  return { grantee, grantor, privileges: maskOf(privileges), grantable: maskOf(grantable) };
}

export function role(
  name: string,
  attributes: Partial<RoleAttributes> = {},
  comment: string | null = null,
): ObservedRole {
  return { name, oid: 16_384, attributes: { ...CREATE_ROLE_DEFAULTS, ...attributes }, comment, password: 'none' };
}

export function database(name: string, change: Partial<ObservedDatabase> = {}): ObservedDatabase {
  return {
    name,
    oid: 5,
    owner: 'postgres',
    acl: [
      entry(PUBLIC, 'postgres', ['CONNECT', 'TEMPORARY']),
      entry('postgres', 'postgres', ['CREATE', 'CONNECT', 'TEMPORARY']),
    ],
    allowConnections: true,
    isTemplate: false,
    ...change,
  };
}

/** A server with the bootstrap superuser `postgres`, the control plane's role `steward`, and what is given. */
export function server(change: {
  versionNum?: number;
  roles?: ObservedRole[];
  memberships?: ObservedMembership[];
  settings?: ObservedSetting[];
  databases?: ObservedDatabase[];
  superuser?: boolean;
}): ObservedServer {
  const { superuser = true } = change;
  const roles = [
    { ...role('postgres', { superuser: true, login: true }), oid: 10 },
    role('steward', { superuser, createrole: true, login: true }),
    ...['pg_monitor', 'pg_read_all_settings', 'pg_execute_server_program', 'pg_database_owner'].map((name) =>
      role(name),
    ),
    ...(change.roles ?? []),
  ];
  const parameter = (context: string, isQuotedList = false) => ({ context, isQuotedList });
  return {
    name: 'main',
    versionNum: change.versionNum ?? 180_000,
    admin: { name: 'steward', superuser, createrole: true, createdb: true, replication: false, bypassrls: false },
    roles: new Map(roles.map((one) => [one.name, one])),
    memberships: change.memberships ?? [],
    settings: change.settings ?? [],
    databases: new Map((change.databases ?? []).map((one) => [one.name, one])),
    builtinAcls: BUILTIN_ACLS,
    parameters: new Map([
      ['work_mem', parameter('user')],
      ['timezone', parameter('user')],
      ['search_path', parameter('user', true)],
      ['log_statement', parameter('superuser')],
      ['shared_buffers', parameter('postmaster')],
    ]),
    grantedParameters: new Set(),
  };
}

const ROLE_NAMES = ['alice', 'bob', 'app_owner', 'Reporting Team', 'all', 'ünï"x', 'a\tb', 'pgst_owner_x', 'PUBLIC'];
const SCHEMAS = ['app', 'public', 'Weird"schema', 'pg_catalog'];
const NAMES = ['a', 'b', 'c', 'Order Items', 'x.y'];
const ROUTINES: [name: string, args: string][] = [
  ['pay', 'integer, text'],
  ['pay', 'text[]'],
  ['pay', ''],
  ['Pay', 'app."T(x)", character varying'],
  ['odd(name', 'integer'],
];

/** Lists that an object or a default can have. */
function acls(
  grantees: readonly string[],
  owner: string,
  possible: readonly PrivilegeName[],
): fc.Arbitrary<AclEntry[]> {
  const one = fc
    .record({
      grantee: fc.constantFrom(PUBLIC, ...grantees),
      byOwner: fc.boolean(),
      grantor: fc.constantFrom(...grantees),
      privileges: fc.subarray([...possible], { minLength: 1 }),
      grantable: fc.subarray([...possible]),
    })
    .map(({ grantee, byOwner, grantor, privileges, grantable }) => {
      const options = grantee === PUBLIC ? [] : grantable.filter((name) => privileges.includes(name));
      return entry(grantee, byOwner ? owner : grantor, privileges, options);
    });
  return fc.uniqueArray(one, { maxLength: 4, selector: ({ grantee, grantor }) => `${grantee}\0${grantor}` });
}

function objects(roles: readonly string[], versionNum: number): fc.Arbitrary<ObservedObject[]> {
  const kinds = (Object.keys(OBJECT_KINDS) as ObjectKind[]).filter((kind) => kind !== 'database' && kind !== 'schema');
  const one = fc
    .record({ kind: fc.constantFrom(...kinds), schema: fc.constantFrom(...SCHEMAS), owner: fc.constantFrom(...roles) })
    .chain(({ kind, schema, owner }) =>
      fc.record({
        kind: fc.constant(kind),
        schema: fc.constant(OBJECT_KINDS[kind].inSchema ? schema : null),
        owner: fc.constant(owner),
        acl: acls(roles, owner, privilegesOf(kind, versionNum)),
        column: acls(roles, owner, COLUMN_PRIVILEGES),
        name: fc.constantFrom(...NAMES),
        routine: fc.constantFrom(...ROUTINES),
      }),
    )
    .map(({ column, name, routine, ...object }): ObservedObject => {
      const common = { ...object, oid: 1 };
      if (object.kind === 'routine') return { ...common, name: routine[0], args: routine[1] };
      if (!RELATION_KINDS.has(object.kind)) return { ...common, name };
      return {
        ...common,
        name,
        columns: new Map([
          ['id', column],
          ['Full Name', column],
        ]),
        columnNames: ['id', 'Full Name'],
      };
    });
  // Relations share one name space; every name is taken once here, whatever the kind.
  const selector = ({ kind, schema, name, args = '' }: ObservedObject) =>
    `${RELATION_KINDS.has(kind) ? 'relation' : kind}\0${schema}\0${name}\0${args}`;
  return fc.uniqueArray(one, { maxLength: 12, selector });
}

function schemas(roles: readonly string[]): fc.Arbitrary<ObservedObject[]> {
  return fc.tuple(
    ...SCHEMAS.map((name) =>
      fc
        .constantFrom(...roles, 'pg_database_owner')
        .chain((owner) =>
          acls(roles, owner, ['USAGE', 'CREATE']).map(
            (acl): ObservedObject => ({ kind: 'schema', schema: null, name, oid: 2, owner, acl }),
          ),
        ),
    ),
  );
}

function defaults(roles: readonly string[], versionNum: number): fc.Arbitrary<ObservedDefault[]> {
  const kinds = Object.keys(DEFAULT_KINDS) as DefaultKind[];
  const one = fc
    .record({
      creator: fc.constantFrom(...roles),
      on: fc.constantFrom(...kinds),
      schema: fc.constantFrom(null, 'app', 'public'),
    })
    .chain(({ creator, on, schema }) =>
      acls(roles, creator, privilegesOf(on, versionNum))
        .filter((acl) => acl.length > 0)
        .map((acl): ObservedDefault => {
          // Entries of default privileges are all granted by the creator.
          const byCreator = new Map(acl.map((item) => [item.grantee, { ...item, grantor: creator }]));
          return { creator, on, schema: DEFAULT_KINDS[on].perSchema ? schema : null, acl: [...byCreator.values()] };
        }),
    );
  const selector = ({ creator, on, schema }: ObservedDefault) => `${creator}\0${on}\0${schema ?? ''}`;
  return fc.uniqueArray(one, { maxLength: 4, selector });
}

function attributes(): fc.Arbitrary<Partial<RoleAttributes>> {
  return fc.record(
    {
      login: fc.boolean(),
      superuser: fc.boolean(),
      createdb: fc.boolean(),
      createrole: fc.boolean(),
      inherit: fc.boolean(),
      replication: fc.boolean(),
      bypassrls: fc.boolean(),
      connectionLimit: fc.constantFrom(-1, 0, 7),
      validUntil: fc.constantFrom('infinity', '-infinity', '2027-01-01T00:00:00Z', '2027-01-01T00:00:00.123456Z'),
    },
    { requiredKeys: [] },
  );
}

/** Memberships without circles: a role is only a member of later ones. */
function memberships(roles: readonly string[], versionNum: number): fc.Arbitrary<ObservedMembership[]> {
  const order = [...roles, 'postgres', 'pg_monitor', 'pg_execute_server_program'];
  const one = fc
    .record({
      a: fc.nat(order.length - 1),
      b: fc.nat(order.length - 1),
      grantor: fc.constantFrom('postgres', 'steward'),
      admin: fc.boolean(),
      inherit: fc.boolean(),
      set: fc.boolean(),
    })
    .filter(({ a, b }) => a !== b)
    .map(({ a, b, ...rest }) => ({ ...rest, member: order[Math.min(a, b)] ?? '', role: order[Math.max(a, b)] ?? '' }));
  const perGrantor = versionNum >= 160_000;
  return fc.uniqueArray(one, {
    maxLength: 8,
    selector: ({ role: group, member, grantor }) => `${group}\0${member}\0${perGrantor ? grantor : ''}`,
  });
}

function settings(roles: readonly string[]): fc.Arbitrary<ObservedSetting[]> {
  const one = fc.record({
    role: fc.constantFrom(...roles),
    database: fc.constantFrom(null, 'shop', 'gone'),
    name: fc.constantFrom('work_mem', 'TimeZone', 'search_path', 'app.tenant', 'shared_buffers'),
    value: fc.constantFrom('app, "Weird""schema"', 'x'),
  });
  const selector = (setting: ObservedSetting) => `${setting.role}\0${setting.database}\0${setting.name}`;
  return fc.uniqueArray(one, { maxLength: 4, selector });
}

/** Servers of any version with some of everything. */
export const observedServers: fc.Arbitrary<ObservedServer> = fc
  .record({
    major: fc.constantFrom(13, 14, 15, 16, 17, 18),
    names: fc.subarray(ROLE_NAMES, { minLength: 1 }),
    superuser: fc.boolean(),
  })
  .chain(({ major, names, superuser }) => {
    const versionNum = major * 10_000;
    const known = [...names, 'steward', 'pg_monitor'];
    return fc
      .record({
        attributes: fc.array(attributes(), { minLength: names.length, maxLength: names.length }),
        comments: fc.array(fc.constantFrom(null, 'a comment\nof two lines', 'pgsteward installation=x shared'), {
          minLength: names.length,
          maxLength: names.length,
        }),
        memberships: memberships(names, versionNum),
        settings: settings(names),
        objects: objects(known, versionNum),
        schemas: schemas(known),
        defaults: defaults(known, versionNum),
        databaseAcl: acls(known, 'app_owner', ['CREATE', 'CONNECT', 'TEMPORARY']),
        owner: fc.constantFrom(...known),
      })
      .map((parts) => {
        const roles = names.map((name, index) => role(name, parts.attributes[index], parts.comments[index]));
        const inheritOf = new Map(roles.map((one) => [one.name, one.attributes.inherit]));
        const implicit = names.map((name) => ({
          role: name,
          member: 'steward',
          grantor: 'postgres',
          admin: true,
          inherit: false,
          set: false,
        }));
        const contents = { objects: [...parts.objects, ...parts.schemas], defaults: parts.defaults };
        return server({
          versionNum,
          superuser,
          roles,
          memberships:
            major >= 16
              ? [...parts.memberships, ...(superuser ? [] : implicit)]
              : parts.memberships.map((row) => ({ ...row, inherit: inheritOf.get(row.member) ?? true, set: true })),
          settings: parts.settings,
          databases: [
            database('shop', { owner: parts.owner, acl: parts.databaseAcl, contents }),
            database('unread'),
            database('template0', { allowConnections: false, isTemplate: true }),
          ],
        });
      });
  });
