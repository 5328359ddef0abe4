/** Answers of the cluster API. Optional members that this program knows nothing of are null. */
import { z } from '@hono/zod-openapi';
import { ROLE_FLAVORS } from '../../domain/clusters/flavors.ts';
import { TEAM_ROLES } from '../../domain/clusters/teams.ts';
import { timestamp } from '../schemas/common.ts';
import { json } from '../schemas/responses.ts';
import { eid } from './ids.ts';
import { pagingShape } from './paging.ts';

/** Body of every error of the family. */
const clusterErrorSchema = z
  .object({
    code: z.string().nullable(),
    is_transient: z.boolean().describe('The same request may be answered otherwise later.'),
    message: z.string(),
    request_id: z.uuid(),
  })
  .openapi('ClusterError');

/** A refusal of a route of the family. */
export function refusal(description: string) {
  return json(clusterErrorSchema, description);
}

/** What every route of the family may answer. */
export const usualRefusals = {
  400: refusal('Every problem of the request.'),
  401: refusal('Not known.'),
  403: refusal('The caller may not.'),
  429: refusal('Too many requests; `Retry-After` has the seconds.'),
};

const unknown = z.null().openapi({ type: 'null', description: 'Not known here.' });

export const ownAccountSchema = z
  .object({
    id: eid,
    name: z.string(),
    email: z.string().describe('Empty where none is known.'),
    default_team_id: z.union([eid, z.null()]).describe('The team that was joined first.'),
  })
  .openapi('OwnAccount');

export const ownTeamSchema = z
  .object({
    id: eid,
    name: z.string(),
    is_personal: z.literal(false),
    is_default: z.boolean(),
    role: z.enum(TEAM_ROLES).describe('Of the caller.'),
    default_role_flavor: z.enum(ROLE_FLAVORS),
    billing_email: unknown,
    enforce_sso: unknown,
  })
  .openapi('OwnTeam');

export const ownTeamListSchema = z
  .object({
    teams: z.array(ownTeamSchema),
    has_more: z
      .literal(true)
      .optional()
      .describe('Left out of the last page: the Terraform provider takes every member of this answer for a list.'),
    next_cursor: z.string().nullable(),
  })
  .openapi('OwnTeamList');

/** Members that clients need as whole numbers, although a registered server tells nothing of its machine. */
const unknownSize = z.literal(0).describe('Not known of a registered server.');

export const ownClusterSchema = z
  .object({
    id: eid,
    name: z.string(),
    team_id: eid,
    host: z.string().describe('Of the primary, as it was seen last.'),
    created_at: timestamp,
    updated_at: timestamp,
    is_ha: z.boolean().describe('Whether the server has several endpoints.'),
    major_version: z.int(),
    cpu: unknownSize,
    memory: unknownSize,
    storage: unknownSize,
    plan_id: z.literal('registered'),
    provider_id: z.literal('pgsteward'),
    region_id: z.literal('registered'),
    tailscale_active: z.literal(false),
    state: z.literal('ready'),
    cluster_id: unknown,
    network_id: unknown,
    maintenance_window_start: unknown,
    replicas: unknown,
  })
  .openapi('OwnCluster');

export const ownClusterListSchema = z
  .object({ clusters: z.array(ownClusterSchema), ...pagingShape })
  .openapi('OwnClusterList');

export const clusterStatusSchema = z
  .object({
    state: z.enum(['ready', 'unavailable']).describe('Whether a primary answers now.'),
    oldest_backup_at: unknown,
  })
  .openapi('ClusterStatus');

export const accessTokenSchema = z
  .object({
    id: eid,
    account_id: eid,
    access_token: z.string(),
    token_type: z.literal('bearer'),
    expires_in: z.int().describe('Seconds.'),
    expires_at: timestamp,
  })
  .openapi('AccessToken');

export const endedAccessTokenSchema = accessTokenSchema
  .omit({ access_token: true, expires_in: true })
  .openapi('EndedAccessToken');
