import type { AccessDocument, DesiredMembership, DesiredRole } from '../access/document.ts';
import type { ObservedServer } from '../access/observed.ts';
import { FLAVOR_GROUPS } from './flavor-groups.ts';
import type { RoleFlavor } from './flavors.ts';

/** What a request wants of one role of a cluster. The same request of several callers is one. */
export interface ClusterRoleWish {
  clusterId: string;
  name: string;
  /** Whose role it is; null for those of the cluster itself. */
  accountId: string | null;
  /** Null leaves it, or gives a new role `defaultFlavor`. */
  flavor: RoleFlavor | null;
  defaultFlavor: RoleFlavor;
  /** Set the password that came with the request, also on a role that has one. */
  rotate: boolean;
  /** Take a role of this name that somebody else made. */
  adopt: boolean;
  superuser: boolean;
}

/** What is on record of a role of a cluster. */
export interface ClusterRoleRecord {
  state: 'creating' | 'ready' | 'deleting';
  flavor: RoleFlavor;
  roleOid: number | null;
  /** A request is about to set another password. */
  underWay: boolean;
}

export type ClusterRolePlan =
  | {
      state: 'planned';
      document: AccessDocument;
      flavor: RoleFlavor;
      /** The password of the request is the role's afterwards, whether or not it has to be sent. */
      setsPassword: boolean;
    }
  /** It is there, and not ours. */
  | { state: 'conflict'; message: string }
  /** Another request has just made it, and its end is not on record yet; or one that makes the groups comes first. */
  | { state: 'unsettled' };

/** The document of a request, in which the role and all groups of flavors are named: its locks and its look come from that. */
export function clusterRoleDocument({ name, superuser }: ClusterRoleWish, password: string): unknown {
  return {
    allow: ['legacy_names', ...(superuser ? ['superuser'] : [])],
    // What else may not be changed by it is seen when it is carried out.
    roles: [{ name, login: true, adopt: true, password, ...(superuser ? { superuser: true } : {}) }],
    memberships: superuser ? [] : Object.values(FLAVOR_GROUPS).map((role) => ({ role, member: name })),
  };
}

const ORDINARY = {
  inherit: true,
  superuser: false,
  createdb: false,
  createrole: false,
  replication: false,
  bypassrls: false,
} as const;

/**
 * What is to be done for a request on the server as it is.
 * @param of.record what was on record when the look began
 * @param of.owner of the role, where it belongs to something else than the role engine
 * @param of.ownWork this request made the role in an attempt that did not come to its end
 * @param of.madeHere a request of this control plane made it that has not come to its end
 */
export function planClusterRole(of: {
  wish: ClusterRoleWish;
  document: AccessDocument;
  observed: ObservedServer;
  record: ClusterRoleRecord | undefined;
  owner: string | undefined;
  ownWork: boolean;
  madeHere: boolean;
}): ClusterRolePlan {
  const { wish, document, observed, record, owner, ownWork } = of;
  const { name } = wish;
  if (name === observed.admin.name) {
    return conflict(`role "${name}" is the login of the control plane itself, and no role of the cluster`);
  }
  const existing = observed.roles.get(name);
  const ours = existing !== undefined && record?.roleOid === existing.oid;
  const inDoubt = record?.state === 'creating' && of.madeHere && owner === undefined;
  if (inDoubt && record.underWay && !ownWork) return { state: 'unsettled' };
  const known = ours || ownWork || inDoubt;
  if (existing !== undefined && !known) {
    if (owner !== undefined && owner !== clusterOwner(wish.clusterId)) {
      return conflict(`role "${name}" exists on the server and belongs to ${owner}`);
    }
    if (!wish.adopt) return conflict(notOurs(name));
  }
  const flavor = wish.superuser ? 'write' : (wish.flavor ?? (ours ? record?.flavor : undefined) ?? wish.defaultFlavor);
  // Whoever asks for a role asks for the groups before it.
  if (!wish.superuser && !observed.roles.has(FLAVOR_GROUPS[flavor])) return { state: 'unsettled' };
  // A drop that was begun has taken the password away.
  const setsPassword = !ours || wish.rotate || record?.state === 'deleting';
  const adopted = existing !== undefined && !known;
  const roles = document.roles.map((role): DesiredRole => {
    const attributes = { ...role.attributes, ...(adopted && !wish.superuser ? ORDINARY : {}) };
    return { ...role, attributes, hasPassword: setsPassword };
  });
  return {
    state: 'planned',
    document: { ...document, roles, memberships: membershipsFor(wish, document, { observed, flavor }) },
    flavor,
    setsPassword,
  };
}

/** Owner of the credentials of a cluster's roles. */
export const clusterOwner = (clusterId: string): string => `cluster/${clusterId}`;

const conflict = (message: string): ClusterRolePlan => ({ state: 'conflict', message });

/** For a role that somebody else made. */
export function notOurs(name: string): string {
  return (
    `role "${name}" exists on the server and was not made here; ` +
    'an admin of the team takes it over with PUT and {"rotate_password": true}, which gives it a new password'
  );
}

/** In the group of its flavor, and in no other. */
function membershipsFor(
  { superuser }: ClusterRoleWish,
  { memberships }: AccessDocument,
  { observed, flavor }: { observed: ObservedServer; flavor: RoleFlavor },
): DesiredMembership[] {
  if (superuser) return [];
  return memberships
    .filter(({ role }) => role === FLAVOR_GROUPS[flavor] || observed.roles.has(role))
    .map((membership) => ({ ...membership, absent: membership.role !== FLAVOR_GROUPS[flavor] }));
}
