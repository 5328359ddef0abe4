import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findAccount, listAccounts } from '../../store/accounts.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import {
  accountChangeSchema,
  accountIdParam,
  accountListSchema,
  accountPageSchema,
  accountSchema,
  newAccountSchema,
} from '../schemas/account.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, notAllowed, notJson, refused } from '../schemas/responses.ts';
import { changeAccount, createAccount, noSuchAccount } from './change.ts';
import { renderAccount } from './render.ts';

const params = z.object({ account_id: accountIdParam });
const notFound = refused('There is no such account.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/accounts',
  summary: 'Accounts, oldest first',
  request: { query: accountPageSchema },
  responses: { 200: json(accountListSchema, 'A page of accounts.'), 400: malformed, 403: notAllowed },
});

const createAccountRoute = createRoute({
  method: 'post',
  path: '/v1/accounts',
  summary: 'Make an account; it can call once a token is made for it',
  middleware: [requireJsonBody()] as const,
  request: {
    headers: idempotencyHeaders,
    body: jsonBody(newAccountSchema),
  },
  responses: {
    201: json(accountSchema, 'The account.'),
    400: malformed,
    403: notAllowed,
    409: refused('The name is taken, or the Idempotency-Key was used otherwise.'),
    415: notJson,
  },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/accounts/{account_id}',
  summary: 'One account',
  request: { params },
  responses: { 200: json(accountSchema, 'The account.'), 400: malformed, 403: notAllowed, 404: notFound },
});

const changeRoute = createRoute({
  method: 'patch',
  path: '/v1/accounts/{account_id}',
  summary: 'Change role, scope or e-mail address of an account, disable it or let it in again',
  middleware: [requireJsonBody()] as const,
  request: {
    params,
    headers: idempotencyHeaders,
    body: jsonBody(accountChangeSchema),
  },
  responses: {
    200: json(accountSchema, 'As it is now; in effect with the next request.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: refused('Nobody could administer everything any more, or the Idempotency-Key was used otherwise.'),
    415: notJson,
  },
});

const disableRoute = createRoute({
  method: 'delete',
  path: '/v1/accounts/{account_id}',
  summary: 'Disable an account with all its tokens; its name stays taken, because records name it',
  request: { params, headers: idempotencyHeaders },
  responses: {
    200: json(accountSchema, 'As it is now.'),
    400: malformed,
    403: notAllowed,
    404: notFound,
    409: refused('Nobody could administer everything any more.'),
  },
});

/** Who may call. */
export function accountRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const { limit, after_account_id: afterId } = c.req.valid('query');
    const accounts = await listAccounts(deps.db, { limit, afterId });
    return c.json({ accounts: accounts.map(renderAccount) }, 200);
  });

  app.openapi(createAccountRoute, async (c) =>
    c.json(await createAccount(deps, callerOf(c), c.req.valid('json')), 201),
  );

  app.openapi(getRoute, async (c) => {
    const account = await findAccount(deps.db, c.req.valid('param').account_id);
    if (account === undefined) throw noSuchAccount();
    return c.json(renderAccount(account), 200);
  });

  app.openapi(changeRoute, async (c) => {
    const { account_id: id } = c.req.valid('param');
    const route = 'PATCH /v1/accounts/{account_id}';
    return c.json(await changeAccount(deps, callerOf(c), { id, route, change: c.req.valid('json') }), 200);
  });

  app.openapi(disableRoute, async (c) => {
    const { account_id: id } = c.req.valid('param');
    const route = 'DELETE /v1/accounts/{account_id}';
    return c.json(await changeAccount(deps, callerOf(c), { id, route, change: { disabled: true } }), 200);
  });

  return app;
}
