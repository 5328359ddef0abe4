import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findTeam, listMembers, listTeams } from '../../../store/teams.ts';
import { type ApiVariables, callerOf } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../../request-validation.ts';
import { accountIdParam } from '../../schemas/account.ts';
import { idempotencyHeaders } from '../../schemas/common.ts';
import { jsonBody } from '../../schemas/request-bodies.ts';
import { json, malformed, notAllowed, notJson, refused } from '../../schemas/responses.ts';
import { cutPage, pageOf, pageSchema } from '../paging.ts';
import { renderMember, renderTeam } from './render.ts';
import {
  memberSchema,
  newTeamSchema,
  putMemberSchema,
  teamChangeSchema,
  teamIdParam,
  teamListSchema,
  teamSchema,
  teamWithMembersSchema,
} from './schemas.ts';
import { changeTeam, createTeam, noSuchTeam, removeMember, removeTeam, setMember } from './teams.ts';

const params = z.object({ team_id: teamIdParam });
const memberParams = params.extend({ account_id: accountIdParam });
const notFound = refused('There is no such team.');
const conflict = refused('The name is taken, or the Idempotency-Key was used otherwise.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/teams',
  summary: 'All teams',
  request: { query: pageSchema },
  responses: { 200: json(teamListSchema, 'A page of teams.'), 400: malformed, 403: notAllowed },
});

const createTeamRoute = createRoute({
  method: 'post',
  path: '/v1/teams',
  summary: 'Make a team',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(newTeamSchema),
  },
  responses: {
    201: json(teamSchema, 'The team, without members.'),
    400: malformed,
    403: notAllowed,
    409: conflict,
    415: notJson,
  },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/teams/{team_id}',
  summary: 'One team with its members',
  request: { params },
  responses: { 200: json(teamWithMembersSchema, 'The team.'), 400: malformed, 403: notAllowed, 404: notFound },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/teams/{team_id}',
  summary: 'Change the name of a team, or the flavor of roles that its members make',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(teamChangeSchema),
  },
  responses: {
    200: json(teamSchema, 'As it is now.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: conflict,
    415: notJson,
  },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/teams/{team_id}',
  summary: 'Forget a team without clusters',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(teamSchema, 'As it was.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: refused('It has clusters, or the Idempotency-Key was used otherwise.'),
  },
});

const putMemberRoute = createRoute({
  method: 'put',
  path: '/v1/teams/{team_id}/members/{account_id}',
  summary: 'Make an account a member of a team, or change its role there',
  middleware: [requireJsonBody()] as const,
  request: {
    params: memberParams,
    headers: idempotencyHeaders,
    body: jsonBody(putMemberSchema),
  },
  responses: {
    200: json(memberSchema, 'The member; in effect with the next request.'),
    400: malformed,
    403: notAllowed,
    404: refused('There is no such team or account.'),
    409: refused('The Idempotency-Key was used otherwise.'),
    415: notJson,
  },
});

const deleteMemberRoute = createRoute({
  method: 'delete',
  path: '/v1/teams/{team_id}/members/{account_id}',
  summary: 'End a membership',
  request: { params: memberParams, headers: idempotencyHeaders },
  responses: {
    200: json(memberSchema, 'As it was.'),
    400: malformed,
    403: notAllowed,
    404: refused('There is no such team, or the account is not a member.'),
    409: refused('The Idempotency-Key was used otherwise.'),
  },
});

/** Teams, for administrators. */
export function teamManagementRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const page = pageOf(c.req.valid('query'));
    const { rows, paging } = cutPage(await listTeams(deps.db, page), page);
    return c.json({ teams: rows.map(renderTeam), ...paging }, 200);
  });

  app.openapi(createTeamRoute, async (c) => c.json(await createTeam(deps, callerOf(c), c.req.valid('json')), 201));

  app.openapi(getRoute, async (c) => {
    const { team_id: id } = c.req.valid('param');
    const [team, members] = await Promise.all([findTeam(deps.db, id), listMembers(deps.db, id)]);
    if (team === undefined) throw noSuchTeam();
    return c.json({ ...renderTeam(team), members: members.map(renderMember) }, 200);
  });

  app.openapi(changeRoute, async (c) =>
    c.json(await changeTeam(deps, callerOf(c), c.req.valid('param').team_id, c.req.valid('json')), 200),
  );

  app.openapi(deleteRoute, async (c) => c.json(await removeTeam(deps, callerOf(c), c.req.valid('param').team_id), 200));

  app.openapi(putMemberRoute, async (c) => {
    const { team_id: teamId, account_id: accountId } = c.req.valid('param');
    const { role } = c.req.valid('json');
    return c.json(await setMember(deps, callerOf(c), { teamId, accountId, role }), 200);
  });

  app.openapi(deleteMemberRoute, async (c) => {
    const { team_id: teamId, account_id: accountId } = c.req.valid('param');
    return c.json(await removeMember(deps, callerOf(c), { teamId, accountId }), 200);
  });

  return app;
}
