import type { z } from '@hono/zod-openapi';
import { eidOf } from '../../../domain/clusters/eid.ts';
import type { RoleFlavor } from '../../../domain/clusters/flavors.ts';
import { roleUri } from '../../../domain/clusters/role-uri.ts';
import type { ClusterRecord } from '../../../store/clusters.ts';
import type { clusterRoleSchema } from './schemas.ts';

export type ClusterRole = z.infer<typeof clusterRoleSchema>;

/** What is shown of a role. */
export interface ShownRole {
  name: string;
  accountId: string | null;
  accountEmail: string | null;
  flavor: RoleFlavor;
  /** Left out where it is not to be shown. */
  password?: string | null;
}

export function renderRole(cluster: ClusterRecord, role: ShownRole): ClusterRole {
  const { name, password = null } = role;
  const { host, port, maintenanceDb: database } = cluster;
  return {
    account_email: role.accountEmail,
    account_id: role.accountId && eidOf(role.accountId),
    cluster_id: eidOf(cluster.id),
    flavor: role.flavor,
    name,
    password,
    team_id: eidOf(cluster.teamId),
    uri: password === null ? null : roleUri({ role: name, password, host, port, database }),
  };
}
