import type {
  AccessDocument,
  DesiredDatabase,
  DesiredDefault,
  DesiredGrant,
} from '../../../../../domain/access/document.ts';
import type {
  AclEntry,
  DatabaseContents,
  ObservedDatabase,
  ObservedDefault,
  ObservedMembership,
  ObservedObject,
  ObservedRole,
  ObservedServer,
} from '../../../../../domain/access/observed.ts';
import { createAclReader } from '../../../../../platform/target/catalog/acl-text.ts';

/** An access control list as the server writes it: `alice=r*w/owner,=r/owner`. */
function acl(text: string): readonly AclEntry[] {
  return createAclReader().read(text);
}

/** `acldefault()` of the kinds in use, with the owner's placeholder. */
function builtinAcls(versionNum: number): Map<string, readonly AclEntry[]> {
  const relation = versionNum >= 170_000 ? 'arwdDxtm' : 'arwdDxt';
  const lists = {
    d: '=Tc/"*owner*","*owner*"=CTc/"*owner*"',
    n: '"*owner*"=UC/"*owner*"',
    r: `"*owner*"=${relation}/"*owner*"`,
    s: '"*owner*"=rwU/"*owner*"',
    f: '=X/"*owner*","*owner*"=X/"*owner*"',
    T: '=U/"*owner*","*owner*"=U/"*owner*"',
    l: '=U/"*owner*","*owner*"=U/"*owner*"',
    F: '"*owner*"=U/"*owner*"',
    S: '"*owner*"=U/"*owner*"',
  };
  return new Map(Object.entries(lists).map(([letter, text]) => [letter, acl(text)]));
}

export function role(name: string, attributes: Partial<ObservedRole['attributes']> = {}): ObservedRole {
  return {
    name,
    oid: 0,
    attributes: {
      ...{ login: false, superuser: false, createdb: false, createrole: false, inherit: true, replication: false },
      ...{ bypassrls: false, connectionLimit: -1, validUntil: 'infinity' },
      ...attributes,
    },
    comment: null,
    password: 'none',
  };
}

export interface ServerParts {
  versionNum?: number;
  roles: (string | ObservedRole)[];
  memberships?: Partial<ObservedMembership>[];
  databases: ObservedDatabase[];
  admin?: Partial<ObservedServer['admin']>;
}

export function server({
  versionNum = 180_000,
  roles,
  memberships = [],
  databases,
  admin,
}: ServerParts): ObservedServer {
  const all = roles.map((one) => (typeof one === 'string' ? role(one) : one));
  return {
    name: 'main',
    versionNum,
    admin: {
      ...{ name: 'postgres', superuser: true, createrole: true, createdb: true, replication: true, bypassrls: true },
      ...admin,
    },
    roles: new Map([role('postgres', { superuser: true }), ...all].map((one) => [one.name, one])),
    memberships: memberships.map((one) => ({
      ...{ role: '', member: '', grantor: 'postgres', admin: false, inherit: true, set: true },
      ...one,
    })),
    settings: [],
    databases: new Map(databases.map((one) => [one.name, one])),
    builtinAcls: builtinAcls(versionNum),
    parameters: new Map(),
    grantedParameters: new Set(),
  };
}

let nextOid = 1;

/** An object of owner `owner` unless said otherwise. */
export function object(
  kind: ObservedObject['kind'],
  name: string,
  rights: string,
  more: Partial<Omit<ObservedObject, 'columns'>> & { columns?: Record<string, string> } = {},
): ObservedObject {
  const { columns, ...rest } = more;
  const found: ObservedObject = {
    kind,
    schema: 'app',
    name,
    oid: nextOid++,
    owner: 'owner',
    acl: acl(rights),
    ...rest,
  };
  if (columns !== undefined) {
    found.columns = new Map(Object.entries(columns).map(([column, text]) => [column, acl(text)]));
  }
  return found;
}

/** Schema `app`, in which everybody may use what they have rights on. */
export function schema(name = 'app', rights = 'owner=UC/owner,=U/owner'): ObservedObject {
  return object('schema', name, rights, { schema: null });
}

export function database(
  objects: ObservedObject[],
  defaults: (Omit<ObservedDefault, 'acl'> & { acl: string })[] = [],
  more: Partial<ObservedDatabase> = {},
): ObservedDatabase {
  const contents: DatabaseContents = {
    objects,
    defaults: defaults.map((row) => ({ ...row, acl: acl(row.acl) })),
  };
  return {
    ...{ name: 'shop', oid: 1, owner: 'owner', allowConnections: true, isTemplate: false },
    acl: acl('=Tc/owner,owner=CTc/owner'),
    contents,
    ...more,
  };
}

type Parts<T> = Partial<Omit<T, 'at'>>;

/** What is asked of database `shop`, with the paths that a request's parts have. */
export function asked(
  parts: Partial<Omit<DesiredDatabase, 'grants' | 'revokes' | 'defaultPrivileges' | 'owners'>> & {
    grants?: (Parts<DesiredGrant> & Pick<DesiredGrant, 'on' | 'to'>)[];
    revokes?: (Parts<DesiredGrant> & Pick<DesiredGrant, 'on' | 'to'>)[];
    defaultPrivileges?: (Parts<DesiredDefault> & Pick<DesiredDefault, 'creator' | 'on' | 'to'>)[];
    owners?: Omit<DesiredDatabase['owners'][number], 'at'>[];
  },
): AccessDocument {
  const at = (list: string, index: number) => `databases[0].${list}[${index}]`;
  const entry = { privileges: 'ALL', grantOption: false, laterBy: [] } as const;
  const fill = (
    list: string,
    entries: (Parts<DesiredGrant> & Pick<DesiredGrant, 'on' | 'to'>)[] = [],
  ): DesiredGrant[] =>
    entries.map((one, index) => ({ ...entry, ...one, laterBy: [...(one.laterBy ?? [])], at: at(list, index) }));
  const { grants, revokes, defaultPrivileges = [], owners = [], ...rest } = parts;
  return {
    allow: new Set(),
    roles: [],
    memberships: [],
    settings: [],
    databases: [
      {
        ...{ name: 'shop', at: 'databases[0]', exactGrantees: [] },
        ...rest,
        grants: fill('grants', grants),
        revokes: fill('revokes', revokes),
        defaultPrivileges: defaultPrivileges.map((one, index) => ({
          ...{ privileges: 'ALL' as const, schema: null, grantOption: false, absent: false },
          ...one,
          at: at('default_privileges', index),
        })),
        owners: owners.map((one, index) => ({ ...one, at: at('owners', index) })),
      },
    ],
  };
}
