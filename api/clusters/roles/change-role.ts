import { roleRequest } from '../../../domain/clusters/flavor-requests.ts';
import type { RoleFlavor } from '../../../domain/clusters/flavors.ts';
import { whyNoSuperuser } from '../../../domain/clusters/realise-flavors.ts';
import type { ClusterRoleWish } from '../../../domain/clusters/role-request.ts';
import { makeRolePassword } from '../../../platform/secrets/role-password.ts';
import { findClusterRole } from '../../../store/cluster-roles.ts';
import { refuseHeld } from '../../approvals/hold.ts';
import { ApiError, invalidInput } from '../../errors.ts';
import { changeNow } from '../../roles/change.ts';
import { passwordAfter } from '../../roles/reveal.ts';
import { gone } from './absent.ts';
import { type ClusterRoleDeps, isSuperuser, type RoleContext, requireMember } from './context.ts';
import { credentialOf } from './credential.ts';
import { noteReveal } from './secret.ts';
import type { Credential } from './set-again.ts';

/** What a request asks of a role. */
export interface RoleChange {
  /** Method and pattern, for the key that makes a repeated request safe. */
  route: string;
  flavor: RoleFlavor | null;
  rotate: boolean;
  /** Whether the caller may take over a role that somebody else made. */
  mayAdopt: boolean;
  defaultFlavor: RoleFlavor;
}

/** A role as a change has left it. */
export interface ChangedRole extends Credential {
  flavor: RoleFlavor;
}

/**
 * Makes a role, or changes it; requests for one role that wait together and ask for the same are carried out once, and all get what
 * came of it (R8).
 * @throws ApiError 404 for `postgres` where there can be none, 409 for a role that somebody else made, or where flavors need a superuser
 */
export async function changeRole(
  deps: ClusterRoleDeps,
  context: RoleContext,
  change: RoleChange,
): Promise<ChangedRole> {
  const { caller, cluster, role } = context;
  const { serverName } = cluster;
  await refuseHeld(deps, caller, { serverName, kind: change.rotate ? 'rotation' : 'user', roles: [role.name] });
  await assertPossible(deps, context, change);
  const wish: ClusterRoleWish = {
    clusterId: cluster.id,
    name: role.name,
    accountId: role.accountId,
    flavor: change.flavor,
    defaultFlavor: change.defaultFlavor,
    rotate: change.rotate,
    adopt: change.rotate && change.mayAdopt,
    superuser: isSuperuser(context.role),
  };
  const generated = makeRolePassword();
  const done = await changeNow(deps, caller, {
    serverName,
    prefix: 'roles[0].',
    route: change.route,
    content: { clusterId: cluster.id, role: role.name, flavor: change.flavor, rotate: change.rotate },
    ...roleRequest(wish, generated),
  });
  const { cluster_role: settled } = done.result;
  if (settled === undefined) throw new Error(`nothing is known of role ${role.name} after its change`);
  if (!settled.password_set) {
    const credential = await credentialOf(deps, context);
    await noteReveal(deps, caller, context);
    return { ...credential, flavor: settled.flavor };
  }
  const found = await findClusterRole(deps.db, { clusterId: cluster.id, name: role.name });
  if (found === undefined) throw gone(role.name);
  const password = await passwordAfter(deps, caller, { done, role: role.name, generated });
  return { row: found.row, flavor: settled.flavor, password: password ?? (await credentialOf(deps, context)).password };
}

async function assertPossible(deps: ClusterRoleDeps, context: RoleContext, { flavor }: RoleChange): Promise<void> {
  const { caller, cluster } = context;
  await requireMember(deps, context);
  if (!isSuperuser(context.role)) return deps.flavors.ensure(caller, cluster.serverName);
  if (flavor === 'read') {
    throw invalidInput([{ path: 'flavor', message: 'role "postgres" is a superuser, which may always write' }]);
  }
  const reason = whyNoSuperuser(await deps.flavors.facts(caller, cluster.serverName));
  if (reason !== undefined) throw new ApiError('not_found', reason);
}
