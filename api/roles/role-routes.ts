import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { ALLOWANCES } from '../../domain/access/document.ts';
import { foreignRoles } from '../../store/credentials.ts';
import { changeOrHold, type HoldableChange, heldAnswer } from '../approvals/accept-held.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { changedSchema, putRoleAnswerSchema, roleDetailSchema, roleListSchema } from '../schemas/access.ts';
import { heldSchema } from '../schemas/approval.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { requireServer } from '../servers/require-server.ts';
import { lookAt, noDatabase } from './look.ts';
import { forbidden, memberParams, notFound, roleParams, serverParams, unavailable } from './params.ts';
import { putRole } from './put-role.ts';
import { renderRole, renderRoleDetail } from './render-role.ts';

const answers = { 400: malformed, 403: forbidden, 404: notFound, 503: unavailable };
const held = { 202: json(heldSchema, 'The change waits for approval.') };
const conflict = refused('The Idempotency-Key was used for another request.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/roles',
  summary: 'Roles of a server',
  request: { params: serverParams },
  responses: { 200: json(roleListSchema, 'Every role but those of PostgreSQL itself.'), ...answers },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/roles/{role}',
  summary: 'One role with memberships and settings',
  request: { params: roleParams },
  responses: { 200: json(roleDetailSchema, 'The role.'), ...answers },
});

/** The role's own members are those of a role in a document; they are checked there, so that every problem is told at once. */
const putBody = z.looseObject({
  generate_password: z.boolean().default(false).describe('Make a password and give it back, once.'),
  prove_login: z.boolean().default(false).describe('Log in with the new password before answering.'),
  allow: z.array(z.enum(ALLOWANCES)).default([]),
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/servers/{name}/roles/{role}',
  summary: 'Create a role, or change what is given of it',
  description: 'The body has the members of a role of a document, without its name.',
  middleware: [requireJsonBody()] as const,
  request: {
    params: roleParams,
    headers: idempotencyHeaders,
    body: jsonBody(putBody),
  },
  responses: { 200: json(putRoleAnswerSchema, 'The role is as asked.'), ...held, 409: conflict, ...answers },
});

const membershipBody = z.strictObject({
  admin: z.boolean().optional(),
  inherit: z.boolean().optional(),
  set: z.boolean().optional(),
  allow: z.array(z.enum(ALLOWANCES)).default([]),
});

const putMemberRoute = createRoute({
  method: 'put',
  path: '/v1/servers/{name}/roles/{role}/members/{member}',
  summary: 'Make a role a member of another, with these options',
  middleware: [requireJsonBody()] as const,
  request: {
    params: memberParams,
    headers: idempotencyHeaders,
    body: jsonBody(membershipBody),
  },
  responses: { 200: json(changedSchema, 'The membership is as asked.'), ...held, 409: conflict, ...answers },
});

const deleteMemberRoute = createRoute({
  method: 'delete',
  path: '/v1/servers/{name}/roles/{role}/members/{member}',
  summary: 'End a membership, whoever granted it',
  request: { params: memberParams, headers: idempotencyHeaders },
  responses: {
    200: json(changedSchema, 'There is no such membership any more.'),
    ...held,
    409: conflict,
    ...answers,
  },
});

/** Single roles and memberships. */
export function roleRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  const look = async (c: Context<ApiVariables>, serverName: string) => {
    const caller = callerOf(c);
    await requireServer(deps, serverName);
    return Promise.all([lookAt(deps, { serverName, caller }, noDatabase), foreignRoles(deps.db, serverName)]);
  };

  const changeMembership = async (c: Context<ApiVariables>, change: HoldableChange) => {
    const outcome = await changeOrHold(deps, callerOf(c), change);
    if (outcome.state === 'held') {
      const { body, headers } = heldAnswer(outcome);
      return c.json(body, 202, headers);
    }
    const { taskId, result } = outcome.done;
    return c.json({ task_id: taskId, steps: result.steps ?? [] }, 200);
  };

  app.openapi(listRoute, async (c) => {
    const [observed, owners] = await look(c, c.req.valid('param').name);
    const roles = [...observed.roles.values()].filter(({ name }) => !name.startsWith('pg_'));
    return c.json({ roles: roles.map((role) => renderRole(role, owners)) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { name, role } = c.req.valid('param');
    const [observed, owners] = await look(c, name);
    const found = observed.roles.get(role);
    if (found === undefined) throw new ApiError('not_found', `server ${name} has no role ${JSON.stringify(role)}`);
    return c.json(renderRoleDetail(found, observed, owners), 200);
  });

  app.openapi(putRoute, async (c) => {
    const { name: serverName, role } = c.req.valid('param');
    const { generate_password: generatePassword, prove_login: proveLogin, allow, ...definition } = c.req.valid('json');
    const put = { serverName, role, definition, allow, generatePassword, proveLogin };
    const outcome = await putRole(deps, callerOf(c), put);
    return outcome.state === 'held' ? c.json(outcome.body, 202, outcome.headers) : c.json(outcome.body, 200);
  });

  app.openapi(putMemberRoute, async (c) => {
    const { name: serverName, role, member } = c.req.valid('param');
    const { allow, ...options } = c.req.valid('json');
    return changeMembership(c, {
      serverName,
      kind: 'membership',
      route: 'PUT /v1/servers/{name}/roles/{role}/members/{member}',
      content: { serverName, role, member, options, allow },
      document: { allow, memberships: [{ ...options, role, member }] },
      prefix: 'memberships[0].',
    });
  });

  app.openapi(deleteMemberRoute, async (c) => {
    const { name: serverName, role, member } = c.req.valid('param');
    return changeMembership(c, {
      serverName,
      kind: 'membership',
      route: 'DELETE /v1/servers/{name}/roles/{role}/members/{member}',
      content: { serverName, role, member },
      document: { memberships: [{ role, member, absent: true }] },
      prefix: 'memberships[0].',
    });
  });

  return app;
}
