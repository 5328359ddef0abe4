import type {
  AclEntry,
  ObservedDatabase,
  ObservedMembership,
  ObservedObject,
  ObservedRole,
  ObservedServer,
  RoleAttributes,
} from '../../../../../domain/access/observed.ts';
import { maskOf, type PrivilegeName } from '../../../../../domain/access/privileges.ts';
import { CREATE_ROLE_DEFAULTS } from '../../../../../domain/access/roles/simulate-roles.ts';

/** An entry `grantee: privileges`; PUBLIC is the empty name, a privilege with `*` is held with grant option. */
export type Acl = Record<string, string>;

export interface StateInput {
  versionNum?: number;
  /** Attributes by name; `postgres`, the owner of everything, is always there. */
  roles: Record<string, Partial<RoleAttributes> & { password?: ObservedRole['password'] }>;
  /** `group > member`, then options that are off: `group > member -inherit -set`; grantor as `by name`. */
  memberships?: string[];
  databases?: Record<string, { owner?: string; acl?: Acl; allowConnections?: boolean; objects?: ObservedObject[] }>;
}

/** A state of a server, written down by hand. */
export function stateOf(input: StateInput): ObservedServer {
  const roles = { postgres: { login: true, superuser: true }, pg_database_owner: {}, ...input.roles };
  return {
    name: 'main',
    versionNum: input.versionNum ?? 180_000,
    admin: {
      name: 'postgres',
      superuser: true,
      createrole: true,
      createdb: true,
      replication: true,
      bypassrls: true,
    },
    roles: new Map(
      Object.entries(roles).map(
        ([name, { password = 'scram', ...attributes }]: [string, StateInput['roles'][string]], at) => {
          return [
            name,
            { name, oid: 16_384 + at, attributes: { ...CREATE_ROLE_DEFAULTS, ...attributes }, comment: null, password },
          ];
        },
      ),
    ),
    memberships: (input.memberships ?? []).map(membershipOf),
    settings: [],
    databases: new Map(
      Object.entries(input.databases ?? {}).map(([name, database]) => [name, databaseOf(name, database)]),
    ),
    builtinAcls: new Map(),
    parameters: new Map(),
    grantedParameters: new Set(),
  };
}

function membershipOf(text: string): ObservedMembership {
  const [, role = '', member = '', options = ''] = /^(\S+) > (\S+)(.*)$/.exec(text) ?? [];
  const grantor = /by (\S+)/.exec(options)?.[1] ?? 'postgres';
  return {
    role,
    member,
    grantor,
    admin: options.includes('+admin'),
    inherit: !options.includes('-inherit'),
    set: !options.includes('-set'),
  };
}

function databaseOf(name: string, input: NonNullable<StateInput['databases']>[string]): ObservedDatabase {
  const { owner = 'postgres', acl = { '': 'CONNECT' }, allowConnections = true, objects } = input;
  return {
    name,
    oid: 1,
    owner,
    acl: aclOf(acl, owner),
    allowConnections,
    isTemplate: false,
    ...(objects === undefined ? {} : { contents: { objects, defaults: [] } }),
  };
}

/** `{ reporting: 'SELECT INSERT*' }`, granted by `grantor`. */
function aclOf(acl: Acl, grantor = 'postgres'): AclEntry[] {
  return Object.entries(acl).map(([grantee, text]) => {
    const words = text.split(' ').filter((word) => word !== '');
    const names = (list: string[]) => maskOf(list.map((word) => word.replace('*', '') as PrivilegeName));
    return { grantee, grantor, privileges: names(words), grantable: names(words.filter((word) => word.endsWith('*'))) };
  });
}

type ObjectInput = Partial<Omit<ObservedObject, 'acl' | 'columns'>> & { acl?: Acl; columns?: Record<string, Acl> };

/** `table app.orders`, `schema app`, `routine app.pay(integer)`. */
export function objectOf(label: string, { acl = {}, columns, ...rest }: ObjectInput = {}): ObservedObject {
  const [, kind = '', qualified = '', args] = /^(\S+) ([^(]+)(?:\((.*)\))?$/.exec(label) ?? [];
  const [name = '', schema = null] = qualified.split('.').reverse();
  const owner = rest.owner ?? 'postgres';
  return {
    kind: kind as ObservedObject['kind'],
    schema,
    name,
    oid: 20_000,
    ...(args === undefined ? {} : { args }),
    ...rest,
    owner,
    acl: aclOf(acl, owner),
    ...(columns === undefined
      ? {}
      : { columns: new Map(Object.entries(columns).map(([column, list]) => [column, aclOf(list, owner)])) }),
  };
}
