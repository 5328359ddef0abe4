import type { z } from '@hono/zod-openapi';
import { eidOf } from '../../domain/clusters/eid.ts';
import type { ClusterRecord } from '../../store/clusters.ts';
import type { OwnTeam } from '../../store/teams.ts';
import { timestamp } from '../time.ts';
import type { ownClusterSchema, ownTeamSchema } from './schemas.ts';

const MAJOR = 10_000;

export function renderTeam(team: OwnTeam): z.infer<typeof ownTeamSchema> {
  return {
    id: eidOf(team.id),
    name: team.name,
    is_personal: false,
    is_default: team.isDefault,
    role: team.role,
    default_role_flavor: team.defaultRoleFlavor,
    billing_email: null,
    enforce_sso: null,
  };
}

/** Clients end where a member is missing, so those without meaning for a registered server are there with a constant. */
export function renderCluster(cluster: ClusterRecord): z.infer<typeof ownClusterSchema> {
  return {
    id: eidOf(cluster.id),
    name: cluster.name,
    team_id: eidOf(cluster.teamId),
    host: cluster.host,
    created_at: timestamp(cluster.createdAt),
    updated_at: timestamp(cluster.updatedAt),
    is_ha: cluster.endpoints.length > 1,
    major_version: Math.floor(cluster.versionNum / MAJOR),
    cpu: 0,
    memory: 0,
    storage: 0,
    plan_id: 'registered',
    provider_id: 'pgsteward',
    region_id: 'registered',
    tailscale_active: false,
    state: 'ready',
    cluster_id: null,
    network_id: null,
    maintenance_window_start: null,
    replicas: null,
  };
}
