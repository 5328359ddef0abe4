import type { z } from '@hono/zod-openapi';
import { eidOf } from '../../../domain/clusters/eid.ts';
import type { ClusterRecord } from '../../../store/clusters.ts';
import type { TeamMember, TeamRecord } from '../../../store/teams.ts';
import { timestamp } from '../../time.ts';
import type { clusterSchema, memberSchema, teamSchema } from './schemas.ts';

export function renderTeam(team: TeamRecord): z.infer<typeof teamSchema> {
  const { id, name, defaultRoleFlavor, createdAt } = team;
  return { id, eid: eidOf(id), name, default_role_flavor: defaultRoleFlavor, created_at: timestamp(createdAt) };
}

export function renderMember(member: TeamMember): z.infer<typeof memberSchema> {
  const { accountId, accountName, email, role, createdAt } = member;
  return {
    account_id: accountId,
    account: accountName,
    ...(email === null ? {} : { email }),
    role,
    created_at: timestamp(createdAt),
  };
}

export function renderCluster(cluster: ClusterRecord): z.infer<typeof clusterSchema> {
  const { id, name, serverName, teamId, createdAt } = cluster;
  return { id, eid: eidOf(id), name, server: serverName, team_id: teamId, created_at: timestamp(createdAt) };
}
