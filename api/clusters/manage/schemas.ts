/** Teams and clusters as administrators manage them below `/v1`. */
import { z } from '@hono/zod-openapi';
import { isEid } from '../../../domain/clusters/eid.ts';
import { ROLE_FLAVORS } from '../../../domain/clusters/flavors.ts';
import { NAME_PATTERN, NAME_RULE, TEAM_ROLES } from '../../../domain/clusters/teams.ts';
import { isIdentifier } from '../../../domain/identifiers.ts';
import { identifier, timestamp } from '../../schemas/common.ts';
import { pageSchema, pagingShape } from '../paging.ts';

/** A name that looks like an id would be taken for one by clients that accept both. */
const name = z
  .string()
  .regex(NAME_PATTERN, NAME_RULE)
  .refine((text) => !isEid(text), 'must not look like an EID')
  .openapi({ pattern: NAME_PATTERN.source });
const flavor = z.enum(ROLE_FLAVORS).describe('Of roles that are made without a word about it.');

const eidText = z.string().describe('The id as the cluster API writes it.');

export const memberSchema = z
  .object({
    account_id: z.uuid(),
    account: z.string(),
    email: z.string().optional(),
    role: z.enum(TEAM_ROLES),
    created_at: timestamp,
  })
  .openapi('TeamMember');

export const teamSchema = z
  .object({ id: z.uuid(), eid: eidText, name: z.string(), default_role_flavor: flavor, created_at: timestamp })
  .openapi('Team');
export const teamWithMembersSchema = teamSchema.extend({ members: z.array(memberSchema) }).openapi('TeamWithMembers');
export const teamListSchema = z.object({ teams: z.array(teamSchema), ...pagingShape }).openapi('TeamList');

export const newTeamSchema = z
  .strictObject({ name: name.openapi({ example: 'storefront' }), default_role_flavor: flavor.default('read') })
  .openapi('NewTeam');
export const teamChangeSchema = z
  .strictObject({ name: name.optional(), default_role_flavor: flavor.optional() })
  .openapi('TeamChange');
export const putMemberSchema = z.strictObject({ role: z.enum(TEAM_ROLES) }).openapi('PutTeamMember');

export const clusterSchema = z
  .object({
    id: z.uuid(),
    eid: eidText,
    name: z.string(),
    server: identifier,
    team_id: z.uuid(),
    created_at: timestamp,
  })
  .openapi('AssignedCluster');
export const clusterListSchema = z
  .object({ clusters: z.array(clusterSchema), ...pagingShape })
  .openapi('AssignedClusterList');

export const newClusterSchema = z
  .strictObject({
    server: z.string().refine(isIdentifier, 'is not an identifier').openapi({ example: 'host-1' }),
    team_id: z.uuid(),
    name: name.openapi({ example: 'storefront' }),
  })
  .openapi('NewCluster');

export const teamIdParam = z.uuid().openapi({ param: { name: 'team_id', in: 'path' } });
export const clusterIdParam = z.uuid().openapi({ param: { name: 'cluster_id', in: 'path' } });
export const clusterPageSchema = pageSchema.extend({ team_id: z.uuid().optional() });
