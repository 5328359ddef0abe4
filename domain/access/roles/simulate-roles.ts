import type { Change } from '../changes.ts';
import { groupBy } from '../groups.ts';
import type { ObservedMembership, ObservedRole, ObservedServer, ObservedSetting, RoleAttributes } from '../observed.ts';
import { hasMembershipOptions } from './context.ts';
import { bootstrapSuperuser } from './grantors.ts';
import { RoleMembers } from './role-members.ts';

/** Attributes of CREATE ROLE without any. */
export const CREATE_ROLE_DEFAULTS: RoleAttributes = {
  login: false,
  superuser: false,
  createdb: false,
  createrole: false,
  inherit: true,
  replication: false,
  bypassrls: false,
  connectionLimit: -1,
  validUntil: 'infinity',
};

/** A role that is not on the server yet has no OID. */
const NO_OID = 0;

/**
 * The state of the server after the changes to roles, memberships and settings, as PostgreSQL makes it; other changes are
 * passed over. `observed` itself is not changed. Created roles have OID 0, settings are as in the changes.
 */
export function simulateRoles(observed: ObservedServer, changes: readonly Change[]): ObservedServer {
  if (changes.length === 0) return observed;
  const state = createState(observed);
  for (const change of changes) {
    const apply = EFFECTS[change.type] as ((state: State, change: Change) => void) | undefined;
    apply?.(state, change);
  }
  return state.result();
}

type State = ReturnType<typeof createState>;
type Effects = { [T in Change['type']]?: (state: State, change: Extract<Change, { type: T }>) => void };

const EFFECTS: Effects = {
  create_role: (state, { role, attributes, setsPassword }) => {
    const password = state.passwordAfter(setsPassword ? 'scram' : 'none');
    const complete = { ...CREATE_ROLE_DEFAULTS, ...attributes };
    state.roles.set(role, { name: role, oid: NO_OID, attributes: complete, comment: null, password });
    const implicit = implicitCreatorGrant(state.observed, role);
    if (implicit !== undefined) state.members(role).grant(implicit);
  },
  alter_role: (state, { role, attributes, setsPassword }) => {
    state.update(role, (before) => ({
      attributes: { ...before.attributes, ...attributes },
      ...(setsPassword && { password: state.passwordAfter('scram') }),
    }));
    if (attributes.inherit !== undefined) state.setInherit(role, attributes.inherit);
  },
  comment_role: (state, { role, comment }) => state.update(role, () => ({ comment })),
  set_setting: (state, { role, database, name, value }) => {
    state.settings().set(settingKey({ role, database, name }), { role, database, name, value });
  },
  reset_setting: (state, setting) => {
    state.settings().delete(settingKey(setting));
  },
  grant_membership: (state, { role, member, grantor, admin, inherit, set }) => {
    const options = state.perGrantor
      ? { inherit, set }
      : { inherit: state.roles.get(member)?.attributes.inherit ?? true, set: true };
    state.members(role).grant({ role, member, grantor, admin, ...options });
  },
  revoke_membership: (state, { role, member, grantor, options }) => {
    state.members(role).revoke(member, grantor, options);
  },
};

/**
 * The membership that a creator who is no superuser gets on 16+: recorded under the bootstrap superuser, so that the creator
 * cannot revoke it (CreateRole in src/backend/commands/user.c).
 */
function implicitCreatorGrant(observed: ObservedServer, role: string): ObservedMembership | undefined {
  if (observed.admin.superuser || !hasMembershipOptions(observed.versionNum)) return undefined;
  const grantor = bootstrapSuperuser(observed);
  return { role, member: observed.admin.name, grantor, admin: true, inherit: false, set: false };
}

/** Identity of a setting: parameter names are the same in upper and lower case. */
export function settingKey(setting: Pick<ObservedSetting, 'role' | 'database' | 'name'>): string {
  return `${setting.role}\0${setting.database ?? '\0'}\0${setting.name.toLowerCase()}`;
}

function createState(observed: ObservedServer) {
  const perGrantor = hasMembershipOptions(observed.versionNum);
  const roles = new Map(observed.roles);
  const touched = new Map<string, RoleMembers>();
  let byRole: Map<string, ObservedMembership[]> | undefined;
  let settings: Map<string, ObservedSetting> | undefined;
  const readsPasswords = [...observed.roles.values()].some(({ password }) => password !== 'unknown');

  function members(role: string): RoleMembers {
    byRole ??= groupBy(observed.memberships, (row) => row.role);
    const known = touched.get(role) ?? new RoleMembers(byRole.get(role) ?? [], perGrantor);
    touched.set(role, known);
    return known;
  }

  return {
    observed,
    perGrantor,
    roles,
    members,
    settings: () => {
      settings ??= new Map(observed.settings.map((setting) => [settingKey(setting), setting]));
      return settings;
    },
    passwordAfter: (stored: ObservedRole['password']) => (readsPasswords ? stored : 'unknown'),
    update(name: string, change: (before: ObservedRole) => Partial<ObservedRole>) {
      const before = roles.get(name);
      if (before !== undefined) roles.set(name, { ...before, ...change(before) });
    },
    setInherit(member: string, inherit: boolean) {
      if (perGrantor) return;
      const groups = new Set(observed.memberships.filter((row) => row.member === member).map(({ role }) => role));
      for (const role of groups) members(role).setInherit(member, inherit);
    },
    result: (): ObservedServer => ({
      ...observed,
      roles,
      memberships:
        touched.size === 0
          ? observed.memberships
          : [
              ...observed.memberships.filter(({ role }) => !touched.has(role)),
              ...[...touched.values()].flatMap((rows) => rows.rows()),
            ],
      settings: settings === undefined ? observed.settings : [...settings.values()],
    }),
  };
}
