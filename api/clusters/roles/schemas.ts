import { z } from '@hono/zod-openapi';
import { ROLE_FLAVORS } from '../../../domain/clusters/flavors.ts';
import { eid, pathEid, queryEid } from '../ids.ts';
import { pageSchema, pagingShape } from '../paging.ts';

export const clusterRoleSchema = z
  .object({
    account_email: z.string().nullable().describe('Of a `u_…` role.'),
    account_id: eid.nullable().describe('Of a `u_…` role.'),
    cluster_id: eid,
    flavor: z.enum(ROLE_FLAVORS),
    name: z.string().openapi({ example: 'u_qvcw4hylovgyzbwzp53bmmlhga' }),
    password: z.string().nullable().describe('Null in lists, of a role that was deleted, and for those it is not for.'),
    team_id: eid,
    uri: z.string().nullable().describe('Null with the password.'),
  })
  .openapi('ClusterRole');

export const clusterRoleListSchema = z
  .object({ roles: z.array(clusterRoleSchema), ...pagingShape })
  .openapi('ClusterRoleList');

/** Members that are null are as if they were left out. */
export const putRoleSchema = z.object({
  flavor: z.enum(ROLE_FLAVORS).nullable().optional(),
  rotate_password: z.boolean().nullable().optional(),
});

/** Nothing is asked of it. */
export const postRoleSchema = z.looseObject({});

export const clusterParams = z.object({ cluster_id: pathEid('cluster_id') });

export const roleParams = clusterParams.extend({
  role_name: z.string().openapi({ param: { name: 'role_name', in: 'path' }, example: 'application' }),
});

const MAX_ACCOUNTS = 200;

/** Given once or several times. */
const accountIds = z
  .union([queryEid.transform((id) => [id]), z.array(queryEid).max(MAX_ACCOUNTS)])
  .optional()
  .openapi({
    type: 'array',
    items: { type: 'string', example: 'qvcw4hylovgyzbwzp53bmmlhga' },
    param: { name: 'account_id', in: 'query', style: 'form', explode: true },
    description: 'Only roles of these accounts; repeat the parameter for several.',
  });

export const listQuery = pageSchema.extend({ account_id: accountIds });
