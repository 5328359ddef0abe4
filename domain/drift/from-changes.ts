/** Differences of a plan as findings: what a plan would change is what has drifted. */
import type { Change } from '../access/changes.ts';
import type { ObjectRef, ObservedServer, RoleAttributes } from '../access/observed.ts';
import { describePrivileges } from '../access/privileges/describe.ts';
import { namesOf, type PrivilegeMask } from '../access/privileges.ts';
import { granteeLabel, refLabel } from '../access/refs.ts';
import {
  type DriftFinding,
  type DriftSource,
  findingKey,
  type SubmittedDatabase,
  type SubmittedMembership,
  type SubmittedRole,
} from './finding.ts';
import type { DriftKind } from './policy.ts';

interface Compared {
  changes: readonly Change[];
  /** The server as it is, and as the plan would leave it. */
  before: ObservedServer;
  after: ObservedServer;
  source: DriftSource;
}

type OfType<T extends Change['type']> = Extract<Change, { type: T }>;
type Finder<T extends Change['type']> = (
  change: OfType<T>,
  compared: Compared,
) => Iterable<Omit<DriftFinding, 'source'>>;

/** Attributes by the kind that they are: what decides who gets in is apart from what the role may do. */
const ATTRIBUTES: Readonly<Record<keyof RoleAttributes, { kind: DriftKind; member: keyof SubmittedRole }>> = {
  login: { kind: 'login', member: 'login' },
  superuser: { kind: 'attributes', member: 'superuser' },
  createdb: { kind: 'attributes', member: 'createdb' },
  createrole: { kind: 'attributes', member: 'createrole' },
  inherit: { kind: 'attributes', member: 'inherit' },
  replication: { kind: 'attributes', member: 'replication' },
  bypassrls: { kind: 'attributes', member: 'bypassrls' },
  connectionLimit: { kind: 'connection_limit', member: 'connection_limit' },
  validUntil: { kind: 'valid_until', member: 'valid_until' },
};

const FINDERS: { readonly [T in Change['type']]: Finder<T> } = {
  *create_role({ role, attributes }) {
    const repair = { role: { name: role, adopt: true, ...submitted(attributes) } };
    yield {
      key: findingKey('missing_role', role),
      kind: 'missing_role',
      role,
      expected: `role ${role}`,
      found: 'no such role',
      repair,
    };
  },
  *alter_role({ role, attributes }, { before }) {
    const has = before.roles.get(role)?.attributes;
    for (const name of Object.keys(attributes) as (keyof RoleAttributes)[]) {
      const { kind, member } = ATTRIBUTES[name];
      yield {
        key: findingKey(kind, role, member),
        kind,
        role,
        expected: `${member} ${String(attributes[name])}`,
        found: `${member} ${String(has?.[name])}`,
        repair: { role: { name: role, adopt: true, ...submitted({ [name]: attributes[name] }) } },
      };
    }
  },
  *comment_role({ role, comment }, { before }) {
    const has = before.roles.get(role)?.comment ?? null;
    const text = (value: string | null) => (value === null ? 'no comment' : `comment ${JSON.stringify(value)}`);
    const repair = { role: { name: role, adopt: true, comment: comment ?? '' } };
    yield {
      key: findingKey('comment', role),
      kind: 'comment',
      role,
      expected: text(comment),
      found: text(has),
      repair,
    };
  },
  *set_setting({ role, database, name, value }, { before }) {
    yield setting(before, { role, database, name, value });
  },
  *reset_setting({ role, database, name }, { before }) {
    yield setting(before, { role, database, name, value: null });
  },
  *grant_membership({ role, member }, compared) {
    yield membership(compared, role, member);
  },
  *revoke_membership({ role, member }, compared) {
    yield membership(compared, role, member);
  },
  *own_database({ database, owner, from }) {
    const repair = { database: { name: database, owner } };
    yield { ...ownership(database, `database ${database}`, { owner, from }), repair };
  },
  *own_object({ database, object, owner, from }) {
    const repair = { database: { name: database, owners: [{ on: selector(object), owner }] } };
    yield { ...ownership(database, refLabel(object), { owner, from }), repair };
  },
  *grant({ database, object, column, grantee, privileges, grantOption }) {
    const { on, what } = place(object, column);
    const rights = rightsText(privileges, { on: what, to: grantee, grantOption });
    const entry = {
      on,
      privileges: namesOf(privileges),
      to: [granteeLabel(grantee)],
      ...columnOf(column),
      ...option(grantOption),
    };
    yield {
      ...privilege('privileges', { database, object: what, grantee, direction: 'missing', grantOption }),
      expected: rights,
      found: 'not granted',
      repair: { database: { name: database, grants: [entry] } },
    };
  },
  *revoke({ database, object, column, grantee, grantor, privileges, grantOptionOnly }) {
    const { on, what } = place(object, column);
    const rights = rightsText(privileges, { on: what, to: grantee, grantOption: grantOptionOnly });
    const entry = {
      on,
      privileges: namesOf(privileges),
      from: [granteeLabel(grantee)],
      ...columnOf(column),
      ...option(grantOptionOnly),
    };
    yield {
      ...privilege('privileges', { database, object: what, grantee, direction: grantor, grantOption: grantOptionOnly }),
      expected: 'not granted',
      found: `${rights}, granted by ${grantor}`,
      repair: { database: { name: database, revokes: [entry] } },
    };
  },
  *grant_default(change) {
    yield defaults(change, { absent: false, grantOption: change.grantOption });
  },
  *revoke_default(change) {
    yield defaults(change, { absent: true, grantOption: change.grantOptionOnly });
  },
};

/** What a plan would change, each with the part of a document that changes it alone; one of a kind for each thing. */
export function findingsOf(compared: Compared): DriftFinding[] {
  const found = new Map<string, DriftFinding>();
  for (const change of compared.changes) {
    const finder = FINDERS[change.type] as Finder<Change['type']>;
    for (const finding of finder(change as never, compared)) {
      if (!found.has(finding.key)) found.set(finding.key, { ...finding, source: compared.source });
    }
  }
  return [...found.values()];
}

function submitted(attributes: Partial<RoleAttributes>): Partial<SubmittedRole> {
  const { connectionLimit, validUntil, ...flags } = attributes;
  return {
    ...flags,
    ...(connectionLimit === undefined ? {} : { connection_limit: connectionLimit }),
    ...(validUntil === undefined ? {} : { valid_until: validUntil === 'infinity' ? null : validUntil }),
  };
}

function setting(
  before: ObservedServer,
  wanted: { role: string; database: string | null; name: string; value: string | null },
): Omit<DriftFinding, 'source'> {
  const { role, database, name, value } = wanted;
  const has = before.settings.find((one) => one.role === role && one.database === database && one.name === name);
  const text = (of: string | null | undefined) => (of == null ? `${name} not set` : `${name} = ${of}`);
  return {
    key: findingKey('settings', role, database, name),
    kind: 'settings',
    role,
    ...(database === null ? {} : { database }),
    expected: text(value),
    found: text(has?.value),
    repair: { setting: { role, name, value, ...(database === null ? {} : { database }) } },
  };
}

/** Options of a membership from 16 on; before that only ADMIN is its own. */
const OPTIONS_SINCE = 160_000;

interface Held {
  admin: boolean;
  inherit: boolean;
  set: boolean;
}

/** What a member has by all grantors together. */
function held(server: ObservedServer, role: string, member: string): Held | undefined {
  const rows = server.memberships.filter((row) => row.role === role && row.member === member);
  if (rows.length === 0) return undefined;
  const any = (option: keyof Held) => rows.some((row) => row[option]);
  return { admin: any('admin'), inherit: any('inherit'), set: any('set') };
}

function membership({ before, after }: Compared, role: string, member: string): Omit<DriftFinding, 'source'> {
  const wanted = held(after, role, member);
  const text = (of: Held | undefined) => {
    if (of === undefined) return `${member} not in ${role}`;
    const flags = before.versionNum >= OPTIONS_SINCE ? (['admin', 'inherit', 'set'] as const) : (['admin'] as const);
    return `${member} in ${role}, ${flags.map((flag) => `${flag} ${of[flag]}`).join(', ')}`;
  };
  const entry: SubmittedMembership =
    wanted === undefined
      ? { role, member, absent: true }
      : {
          role,
          member,
          admin: wanted.admin,
          ...(before.versionNum >= OPTIONS_SINCE && { inherit: wanted.inherit, set: wanted.set }),
        };
  return {
    key: findingKey('memberships', role, member),
    kind: 'memberships',
    role: member,
    object: `role ${role}`,
    expected: text(wanted),
    found: text(held(before, role, member)),
    repair: { membership: entry },
  };
}

function ownership(database: string, object: string, { owner, from }: { owner: string; from: string }) {
  const key = findingKey('ownership', database, object);
  return {
    key,
    kind: 'ownership' as const,
    role: owner,
    database,
    object,
    expected: `owner ${owner}`,
    found: `owner ${from}`,
  };
}

function place(object: ObjectRef, column: string | undefined) {
  const label = refLabel(object);
  return { on: selector(object), what: column === undefined ? label : `column ${column} of ${label}` };
}

function selector({ kind, schema, name, args }: ObjectRef): NonNullable<SubmittedDatabase['grants']>[number]['on'] {
  if (kind === 'database') return { kind };
  return { kind, ...(schema !== null && { schema }), names: [kind === 'routine' ? `${name}(${args ?? ''})` : name] };
}

const columnOf = (column: string | undefined) => (column === undefined ? {} : { columns: [column] });
const option = (grantOption: boolean) => (grantOption ? { grant_option: true } : {});

function rightsText(mask: PrivilegeMask, of: { on: string; to: string; grantOption: boolean }): string {
  const also = of.grantOption ? ' with grant option' : '';
  return `${describePrivileges(mask)} on ${of.on} to ${granteeLabel(of.to)}${also}`;
}

function privilege(
  kind: 'privileges' | 'default_privileges',
  of: { database: string; object: string; grantee: string; direction: string; grantOption: boolean },
) {
  const { database, object, grantee, direction, grantOption } = of;
  const key = findingKey(kind, database, object, grantee, direction, String(grantOption));
  return { key, kind, role: granteeLabel(grantee), database, object };
}

function defaults(
  change: OfType<'grant_default'> | OfType<'revoke_default'>,
  { absent, grantOption }: { absent: boolean; grantOption: boolean },
): Omit<DriftFinding, 'source'> {
  const { database, creator, schema, on, grantee, privileges } = change;
  const object = `later objects (${on.replaceAll('_', ' ')}) of ${creator}${schema === null ? '' : ` in schema ${schema}`}`;
  const rights = rightsText(privileges, { on: object, to: grantee, grantOption });
  const entry = {
    creator,
    ...(schema !== null && { schema }),
    on,
    privileges: namesOf(privileges),
    to: [granteeLabel(grantee)],
    ...option(grantOption),
    ...(absent && { absent: true }),
  };
  const direction = absent ? 'extra' : 'missing';
  return {
    ...privilege('default_privileges', { database, object, grantee, direction, grantOption }),
    expected: absent ? 'not granted' : rights,
    found: absent ? rights : 'not granted',
    repair: { database: { name: database, default_privileges: [entry] } },
  };
}
