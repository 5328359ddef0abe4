import type {
  AccessDocument,
  Allowance,
  DesiredDatabase,
  DesiredMembership,
  DesiredRole,
  DesiredSetting,
} from '../../../../domain/access/document.ts';
import type {
  ObservedMembership,
  ObservedRole,
  ObservedServer,
  ObservedSetting,
  ParameterInfo,
  RoleAttributes,
} from '../../../../domain/access/observed.ts';
import type { AccessContext } from '../../../../domain/access/roles/context.ts';
import { CREATE_ROLE_DEFAULTS } from '../../../../domain/access/roles/simulate-roles.ts';

export const SUPERUSER = 'postgres';
export const LIMITED = 'limited_admin';

/** A role of a server, by its attributes. */
type RoleSpec = Partial<RoleAttributes> & Partial<Pick<ObservedRole, 'comment' | 'password' | 'oid'>>;

interface ServerSpec {
  major?: number;
  /** Whom the control plane logs in as; the bootstrap superuser unless given. */
  admin?: string;
  roles?: Record<string, RoleSpec>;
  memberships?: ObservedMembership[];
  settings?: ObservedSetting[];
  databases?: string[];
  grantedParameters?: string[];
}

const PARAMETERS: Record<string, ParameterInfo> = {
  work_mem: { context: 'user', isQuotedList: false },
  datestyle: { context: 'user', isQuotedList: false },
  search_path: { context: 'user', isQuotedList: true },
  transaction_read_only: { context: 'user', isQuotedList: false },
  log_statement: { context: 'superuser', isQuotedList: false },
  log_connections: { context: 'superuser-backend', isQuotedList: false },
  max_connections: { context: 'postmaster', isQuotedList: false },
  autovacuum: { context: 'sighup', isQuotedList: false },
  server_version: { context: 'internal', isQuotedList: false },
};

/** A server with the bootstrap superuser, a CREATEROLE admin, a few predefined roles and what is given. */
export function server(spec: ServerSpec = {}): ObservedServer {
  const { major = 18, admin = SUPERUSER } = spec;
  const specs: Record<string, RoleSpec> = {
    [SUPERUSER]: { login: true, superuser: true, createrole: true, createdb: true, oid: 10 },
    [LIMITED]: { login: true, createrole: true, createdb: true },
    pg_monitor: {},
    pg_read_server_files: {},
    ...(major >= 14 && { pg_database_owner: {} }),
    ...spec.roles,
  };
  const roles = new Map(Object.entries(specs).map(([name, role], index) => [name, roleOf(name, role, index)]));
  const adminRole = roles.get(admin);
  if (adminRole === undefined) throw new Error(`the admin role ${admin} is missing`);
  const { superuser, createrole, createdb, replication, bypassrls } = adminRole.attributes;
  return {
    name: 'main',
    versionNum: major * 10_000,
    admin: { name: admin, superuser, createrole, createdb, replication, bypassrls },
    roles,
    memberships: spec.memberships ?? [],
    settings: spec.settings ?? [],
    databases: new Map(
      (spec.databases ?? ['shop']).map((name, index) => [
        name,
        { name, oid: 20_000 + index, owner: SUPERUSER, acl: [], allowConnections: true, isTemplate: false },
      ]),
    ),
    builtinAcls: new Map(),
    parameters: new Map(Object.entries(PARAMETERS)),
    grantedParameters: new Set(spec.grantedParameters ?? []),
  };
}

function roleOf(name: string, { comment = null, password = 'none', oid, ...attributes }: RoleSpec, index: number) {
  return {
    name,
    oid: oid ?? 16_384 + index,
    attributes: { ...CREATE_ROLE_DEFAULTS, ...attributes },
    comment,
    password,
  };
}

/** One membership as `member` has it in `role`, granted by the bootstrap superuser unless told otherwise. */
export function row(
  role: string,
  member: string,
  options: Partial<Omit<ObservedMembership, 'role' | 'member'>> = {},
): ObservedMembership {
  return { role, member, grantor: SUPERUSER, admin: false, inherit: true, set: true, ...options };
}

/** What 16+ adds for the creator of a role. */
export function creatorRow(role: string, member = LIMITED): ObservedMembership {
  return row(role, member, { admin: true, inherit: false, set: false });
}

type MembershipSpec = Partial<DesiredMembership> & { role: string; member: string };
type SettingSpec = Partial<DesiredSetting> & { role: string; name: string; value: string | null };

export interface DocumentSpec {
  allow?: Allowance[];
  roles?: (Partial<Omit<DesiredRole, 'memberOf' | 'members' | 'settings'>> & {
    name: string;
    memberOf?: MembershipSpec[];
    members?: MembershipSpec[];
    settings?: SettingSpec[];
  })[];
  memberships?: MembershipSpec[];
  settings?: SettingSpec[];
  databases?: (Partial<DesiredDatabase> & { name: string })[];
}

/** A document with the paths that its parts have in a request. */
export function documentOf(spec: DocumentSpec): AccessDocument {
  return {
    allow: new Set(spec.allow ?? []),
    roles: (spec.roles ?? []).map(({ memberOf, members, settings, ...role }, index) => {
      const at = `roles[${index}]`;
      return {
        at,
        attributes: {},
        hasPassword: false,
        adopt: false,
        ...role,
        ...(memberOf && { memberOf: memberOf.map((each, at2) => membership(each, `${at}.member_of[${at2}]`)) }),
        ...(members && { members: members.map((each, at2) => membership(each, `${at}.members[${at2}]`)) }),
        ...(settings && { settings: settings.map((each, at2) => setting(each, `${at}.settings[${at2}]`)) }),
      };
    }),
    memberships: (spec.memberships ?? []).map((each, index) => membership(each, `memberships[${index}]`)),
    settings: (spec.settings ?? []).map((each, index) => setting(each, `settings[${index}]`)),
    databases: (spec.databases ?? []).map((database, index) => ({
      at: `databases[${index}]`,
      exactGrantees: [],
      grants: [],
      revokes: [],
      defaultPrivileges: [],
      owners: [],
      ...database,
    })),
  };
}

function membership(spec: MembershipSpec, at: string): DesiredMembership {
  return { admin: false, absent: false, at, ...spec };
}

function setting(spec: SettingSpec, at: string): DesiredSetting {
  return { database: null, at, ...spec };
}

/** A comparison of a document with a server. */
export function contextOf(
  observed: ObservedServer,
  spec: DocumentSpec,
  more: Partial<Pick<AccessContext, 'changedPasswords' | 'foreign'>> = {},
): AccessContext {
  return { document: documentOf(spec), observed, changedPasswords: new Set(), foreign: new Map(), ...more };
}

/** Rows as text, sorted: `reader<-app by postgres admin,inherit,set`. */
export function rowTexts(memberships: readonly ObservedMembership[]): string[] {
  return memberships
    .map(({ role, member, grantor, admin, inherit, set }) => {
      const options = [admin && 'admin', inherit && 'inherit', set && 'set'].filter(Boolean).join(',');
      return `${role}<-${member} by ${grantor} ${options}`.trimEnd();
    })
    .toSorted();
}
