import type { AccessOptions } from '../access/request-options.ts';
import { eidOf } from './eid.ts';
import type { FlavorWork } from './realise-flavors.ts';
import { type ClusterRoleWish, clusterRoleDocument } from './role-request.ts';

/** A request of a batch that this control plane makes by itself. */
export interface OwnRequest {
  document: unknown;
  options: AccessOptions;
  /** For the audit log. */
  detail: Record<string, unknown>;
}

/** What makes the groups of flavors; before everything else. */
export function groupsRequest({ groups }: FlavorWork): OwnRequest | undefined {
  if (groups === undefined) return undefined;
  return {
    document: {},
    options: { flavors: { groups }, shared: true, withoutAdminRole: false },
    detail: { operation: 'cluster.flavors' },
  };
}

/** What gives them their rights, one for each database. */
export function databaseRequests({ databases }: FlavorWork): OwnRequest[] {
  return databases.map(({ name, install, connect }) => ({
    document: { databases: [{ name }] },
    options: { flavors: { database: { install, connect } }, shared: true, withoutAdminRole: false },
    detail: { operation: 'cluster.flavors', database: name, ...install, connect },
  }));
}

/** What makes a role of a cluster, or changes it. The document holds the password. */
export function roleRequest(wish: ClusterRoleWish, password: string): OwnRequest {
  const { name, flavor, rotate, adopt, clusterId } = wish;
  return {
    document: clusterRoleDocument(wish, password),
    options: {
      clusterRole: wish,
      shared: true,
      withoutAdminRole: false,
      audit: { action: 'cluster.role', resource: roleResource(wish) },
    },
    detail: { operation: 'cluster.role', clusterId, role: name, flavor, rotate, adopt },
  };
}

/** How the audit log names a role of a cluster. */
export function roleResource(role: { clusterId: string; name: string }): string {
  return `cluster/${eidOf(role.clusterId)}/role/${role.name}`;
}
