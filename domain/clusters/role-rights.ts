import type { NamedRole } from './role-names.ts';
import type { TeamRole } from './teams.ts';

/** `show`: with its password. `adopt`: take over one that somebody else made. */
export type RoleAction = 'show' | 'change' | 'delete' | 'adopt';

type Target = 'application' | 'postgres' | 'own' | 'other';

const ADMIN: readonly TeamRole[] = ['admin'];
const MANAGERS: readonly TeamRole[] = ['admin', 'manager'];
const MEMBERS: readonly TeamRole[] = ['admin', 'manager', 'member'];
const NOBODY: readonly TeamRole[] = [];

/** Which members of a team may do what with the roles of its clusters. */
const RIGHTS: Readonly<Record<Target, Readonly<Record<RoleAction, readonly TeamRole[]>>>> = {
  application: { show: MANAGERS, change: MANAGERS, delete: MANAGERS, adopt: ADMIN },
  postgres: { show: ADMIN, change: ADMIN, delete: ADMIN, adopt: ADMIN },
  own: { show: MEMBERS, change: MEMBERS, delete: MEMBERS, adopt: ADMIN },
  // Its password is for its own account alone.
  other: { show: NOBODY, change: ADMIN, delete: ADMIN, adopt: ADMIN },
};

/** Whether a member of the team may do that. */
export function mayDo(action: RoleAction, role: NamedRole, caller: { accountId: string; teamRole: TeamRole }): boolean {
  return RIGHTS[targetOf(role, caller)][action].includes(caller.teamRole);
}

/** Why not, for people. */
export function whyNot(action: RoleAction, role: NamedRole, caller: { accountId: string; teamRole: TeamRole }): string {
  const allowed = RIGHTS[targetOf(role, caller)][action];
  if (allowed.length === 0) return `the credentials of role "${role.name}" are for its own account alone`;
  return `role "${role.name}" is for the ${allowed.map((name) => `${name}s`).join(' and ')} of the team, and you are a ${caller.teamRole}`;
}

function targetOf({ name, accountId }: NamedRole, caller: { accountId: string }): Target {
  if (accountId !== null) return accountId === caller.accountId ? 'own' : 'other';
  return name === 'postgres' ? 'postgres' : 'application';
}
