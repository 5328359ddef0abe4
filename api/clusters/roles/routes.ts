import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { accountRole } from '../../../domain/clusters/role-names.ts';
import { mayDo } from '../../../domain/clusters/role-rights.ts';
import { listClusterRoles } from '../../../store/cluster-roles.ts';
import type { ApiVariables } from '../../caller.ts';
import { answerInvalidShape } from '../../request-validation.ts';
import { idempotencyHeaders } from '../../schemas/common.ts';
import { json } from '../../schemas/responses.ts';
import { describedBody, readJson } from '../body.ts';
import { requireCluster } from '../context.ts';
import { cutPage, pageOf } from '../paging.ts';
import { refusal, usualRefusals } from '../schemas.ts';
import { changeRole } from './change-role.ts';
import { type ClusterRoleDeps, type RoleContext, requireRole } from './context.ts';
import { credentialOf } from './credential.ts';
import { deleteRole } from './delete-role.ts';
import { renderRole } from './render.ts';
import {
  clusterParams,
  clusterRoleListSchema,
  clusterRoleSchema,
  listQuery,
  postRoleSchema,
  putRoleSchema,
  roleParams,
} from './schemas.ts';
import { noteReveal } from './secret.ts';

const PATH = '/clusters/{cluster_id}/roles';
const answers = {
  ...usualRefusals,
  404: refusal('There is no such cluster of the caller, or no such role.'),
  409: refusal(
    'Somebody else made a role of this name; or flavors need a statement that only a superuser may run, which the message has; or the Idempotency-Key was used otherwise.',
  ),
  503: refusal('The server does not answer, or it takes longer; `Retry-After` has the seconds.'),
};
const gone = refusal('The role was deleted.');

const listRoute = createRoute({
  method: 'get',
  path: PATH,
  summary: 'Roles of a cluster, without their passwords',
  request: { params: clusterParams, query: listQuery },
  responses: { 200: json(clusterRoleListSchema, 'A page of roles.'), ...answers },
});

const createOwnRoute = createRoute({
  method: 'post',
  path: PATH,
  summary: 'Make the role of the account that asks; one that is there is left as it is',
  request: { params: clusterParams, headers: idempotencyHeaders, body: describedBody(postRoleSchema) },
  responses: { 201: json(clusterRoleSchema, 'The role with its password.'), ...answers },
});

const getRoute = createRoute({
  method: 'get',
  path: `${PATH}/{role_name}`,
  summary: 'One role with its password',
  request: { params: roleParams },
  responses: { 200: json(clusterRoleSchema, 'The role with its password.'), ...answers, 410: gone },
});

const putRoute = createRoute({
  method: 'put',
  path: `${PATH}/{role_name}`,
  summary: 'Make a role, change its flavor, or give it a new password',
  request: { params: roleParams, headers: idempotencyHeaders, body: describedBody(putRoleSchema) },
  responses: { 201: json(clusterRoleSchema, 'The role with its password.'), ...answers },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: `${PATH}/{role_name}`,
  summary: 'Drop the role of an account',
  request: { params: roleParams, headers: idempotencyHeaders },
  responses: { 200: json(clusterRoleSchema, 'The role as it was, without its password.'), ...answers, 410: gone },
});

/** Roles of clusters, as clients of Crunchy Bridge ask for them. */
export function clusterRoleRoutes(deps: ClusterRoleDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const { cluster } = await requireCluster(c, deps);
    const { account_id: accountIds, ...query } = c.req.valid('query');
    const page = pageOf(query);
    const found = await listClusterRoles(deps.db, { clusterId: cluster.id, accountIds }, page);
    const { rows, paging } = cutPage(found, page);
    return c.json({ roles: rows.map((row) => renderRole(cluster, row)), ...paging }, 200);
  });

  app.openapi(createOwnRoute, async (c) => {
    const cluster = await requireCluster(c, deps);
    await readJson(c, postRoleSchema);
    const context: RoleContext = { ...cluster, role: accountRole(cluster.accountId) };
    const changed = await changeRole(deps, context, {
      route: `POST ${PATH}`,
      flavor: null,
      rotate: false,
      mayAdopt: false,
      defaultFlavor: cluster.team.defaultRoleFlavor,
    });
    return c.json(renderRole(cluster.cluster, { ...changed.row, ...changed }), 201);
  });

  app.openapi(getRoute, async (c) => {
    const context = await requireRole(c, deps, 'show');
    const { row, password } = await credentialOf(deps, context);
    await noteReveal(deps, context.caller, context);
    return c.json(renderRole(context.cluster, { ...row, password }), 200);
  });

  app.openapi(putRoute, async (c) => {
    const context = await requireRole(c, deps, 'change');
    const { flavor = null, rotate_password: rotate } = await readJson(c, putRoleSchema);
    const { role, team } = context;
    const {
      row,
      password,
      flavor: now,
    } = await changeRole(deps, context, {
      route: `PUT ${PATH}/{role_name}`,
      flavor,
      rotate: rotate === true,
      mayAdopt: mayDo('adopt', role, context),
      defaultFlavor: role.accountId === null ? 'write' : team.defaultRoleFlavor,
    });
    const shown = mayDo('show', role, context) ? { password } : {};
    return c.json(renderRole(context.cluster, { ...row, flavor: now, ...shown }), 201);
  });

  app.openapi(deleteRoute, async (c) => {
    const context = await requireRole(c, deps, 'delete');
    const row = await deleteRole(deps, context, `DELETE ${PATH}/{role_name}`);
    return c.json(renderRole(context.cluster, row), 200);
  });

  return app;
}
