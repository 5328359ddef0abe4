import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { eidOf, uuidOf } from '../../domain/clusters/eid.ts';
import { findAccount } from '../../store/accounts.ts';
import { listAuthorities } from '../../store/clusters.ts';
import { findDefaultTeamId, findOwnTeam, listOwnTeams } from '../../store/teams.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { json } from '../schemas/responses.ts';
import { accountOf } from './context.ts';
import { cutPage, pageOf, pageSchema } from './paging.ts';
import { renderTeam } from './render.ts';
import { ownAccountSchema, ownTeamListSchema, ownTeamSchema, refusal, usualRefusals } from './schemas.ts';

const PEM = '.pem';

const accountRoute = createRoute({
  method: 'get',
  path: '/account',
  summary: 'The account that asks',
  responses: { 200: json(ownAccountSchema, 'The account.'), ...usualRefusals },
});

const listRoute = createRoute({
  method: 'get',
  path: '/teams',
  summary: 'Teams of the account that asks',
  request: { query: pageSchema },
  responses: { 200: json(ownTeamListSchema, 'A page of teams.'), ...usualRefusals },
});

const getRoute = createRoute({
  method: 'get',
  path: '/teams/{team_id}',
  summary: 'One team; with ".pem" after its id the certificates of the authorities of its servers',
  request: {
    params: z.object({
      team_id: z.string().openapi({ param: { name: 'team_id', in: 'path' }, example: 'eaevtjiudzeq7bsqbbpiscund4' }),
    }),
  },
  responses: {
    200: {
      description: 'The team, or certificates in PEM form.',
      content: {
        'application/json': { schema: ownTeamSchema },
        'text/plain': { schema: z.string() },
      },
    },
    ...usualRefusals,
    404: refusal('There is no such team, or it is not one of yours.'),
  },
});

/** Who asks, and the teams of that account. */
export function teamRoutes(deps: Pick<ApiDeps, 'db'>): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(accountRoute, async (c) => {
    const accountId = accountOf(callerOf(c));
    const [account, teamId] = await Promise.all([
      findAccount(deps.db, accountId),
      findDefaultTeamId(deps.db, accountId),
    ]);
    if (account === undefined) throw new Error('the account of a caller is gone');
    const { id, name, email } = account;
    return c.json(
      { id: eidOf(id), name, email: email ?? '', default_team_id: teamId === undefined ? null : eidOf(teamId) },
      200,
    );
  });

  app.openapi(listRoute, async (c) => {
    const page = pageOf(c.req.valid('query'));
    const found = await listOwnTeams(deps.db, accountOf(callerOf(c)), page);
    const { rows, paging } = cutPage(found, page);
    const teams = rows.map(renderTeam);
    const { has_more: hasMore, next_cursor } = paging;
    return c.json({ teams, ...(hasMore ? { has_more: true as const } : {}), next_cursor }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { team_id: name } = c.req.valid('param');
    const isPem = name.endsWith(PEM);
    const teamId = uuidOf(isPem ? name.slice(0, -PEM.length) : name);
    if (teamId === undefined) {
      throw invalidInput([{ path: 'team_id', message: 'is no EID: 26 of a-z and 2-7 are one' }]);
    }
    const team = await findOwnTeam(deps.db, { teamId, accountId: accountOf(callerOf(c)) });
    if (team === undefined) {
      throw new ApiError('not_found', 'there is no such team, or you are not a member of it');
    }
    return isPem ? c.text(await authoritiesOf(deps, teamId), 200) : c.json(renderTeam(team), 200);
  });

  return app;
}

/** One file with all of them, as programs take it that verify the servers of the team's clusters. */
async function authoritiesOf(deps: Pick<ApiDeps, 'db'>, teamId: string): Promise<string> {
  const authorities = await listAuthorities(deps.db, teamId);
  if (authorities.length === 0) {
    throw new ApiError('not_found', 'no server of a cluster of this team is registered with a certificate of its own');
  }
  return authorities.map((pem) => `${pem.trimEnd()}\n`).join('');
}
