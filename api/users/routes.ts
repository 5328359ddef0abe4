import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { USER_KINDS, type UserKind } from '../../domain/users/kinds.ts';
import { type ApiVariables, type Caller, callerOf } from '../caller.ts';
import { answerInvalidShape, requireJsonBody } from '../request-validation.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { refusedWithError } from '../schemas/environment-errors.ts';
import { jsonBody } from '../schemas/request-bodies.ts';
import { json } from '../schemas/responses.ts';
import {
  bulkAnswerSchema,
  bulkSchema,
  changeUserSchema,
  createUserSchema,
  dropStartedSchema,
  dropUserSchema,
  foundUserSchema,
  oneUserSchema,
  pathAnswerSchema,
  placeSchema,
  resetSchema,
  searchPathSchema,
  userAnswerSchema,
  userListSchema,
} from '../schemas/users.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { createMany } from './bulk.ts';
import { reset, setLogin, setSearchPath } from './change-user.ts';
import { creation } from './create-user.ts';
import type { UserDeps } from './deps.ts';
import { dropUser } from './drop-user.ts';
import { findUser, listUsers } from './list-users.ts';
import { type Operation, perform, type UserAnswer } from './operation.ts';
import { requirePlace } from './place.ts';

const answers = {
  400: refusedWithError('A parameter is missing or wrong; the text names it. Nothing was done.'),
  403: refusedWithError(
    'The policy of the environment, a rule or the rights of the admin role forbid it; the text says which.',
  ),
  404: refusedWithError('The registry has no active entry of this name.'),
  503: refusedWithError('The server does not answer, or the change takes longer; try again.'),
};
const conflict = refusedWithError('The Idempotency-Key was used for another request.');

/** A change that published clients ask for by GET, and that is documented as a POST with the same members. */
function change<S extends z.ZodObject, A extends z.ZodType>(of: {
  path: string;
  summary: string;
  parameters: S;
  answer: A;
  description: string;
}) {
  const { path, summary, parameters, answer, description } = of;
  const common = { path, responses: { 200: json(answer, description), 409: conflict, ...answers } };
  return {
    byGet: createRoute({
      ...common,
      method: 'get',
      summary: `${summary}; for clients of the published API, which has no other method`,
      middleware: refuseSpeculation(),
      request: { query: parameters, headers: idempotencyHeaders },
    }),
    byPost: createRoute({
      ...common,
      method: 'post',
      summary,
      middleware: requireJsonBody(),
      request: {
        headers: idempotencyHeaders,
        // Members that it does not know are mistakes; the type is the same.
        body: jsonBody(parameters.strict() as unknown as S),
      },
    }),
  };
}

const SUMMARIES: Readonly<Record<UserKind, string>> = {
  app: 'Create an account of a service on a host',
  'app-k8s': 'Create an account of a workload in Kubernetes',
  devqa: 'Create a user for development and tests',
  devlead: 'Create a user who leads development',
  readonly: 'Create a user who may read and nothing else',
  dba: 'Create a database administrator',
};

const createRoutes = USER_KINDS.map((kind) => ({
  kind,
  ...change({
    path: `/api/v1/users/${kind}`,
    summary: SUMMARIES[kind],
    parameters: createUserSchema(kind),
    answer: userAnswerSchema,
    description: 'The user, with the password unless there was such a user before.',
  }),
}));

const resetRoutes = change({
  path: '/api/v1/users/reset',
  summary: 'Give a user a new password',
  parameters: resetSchema,
  answer: userAnswerSchema,
  description: 'The user with the new password; without one where there is no such user.',
});

const searchPathRoutes = change({
  path: '/api/v1/users/search-path',
  summary: 'Set where a user looks for tables in this database',
  parameters: searchPathSchema,
  answer: pathAnswerSchema,
  description: 'What was set.',
});

/** Changes that nobody published: by POST only. */
function post<S extends z.ZodType>(path: string, summary: string, schema: S) {
  return {
    method: 'post',
    path,
    summary,
    middleware: requireJsonBody(),
    request: { headers: idempotencyHeaders, body: jsonBody(schema) },
  } as const;
}

const disableRoute = createRoute({
  ...post('/api/v1/users/disable', 'Keep a user from logging in, and end its sessions', changeUserSchema.strict()),
  responses: { 200: json(userAnswerSchema, 'The user.'), 409: conflict, ...answers },
});
const enableRoute = createRoute({
  ...post('/api/v1/users/enable', 'Let a user log in again', changeUserSchema.strict()),
  responses: { 200: json(userAnswerSchema, 'The user.'), 409: conflict, ...answers },
});
const dropRoute = createRoute({
  ...post('/api/v1/users/drop', 'Drop a user, proven', dropUserSchema.strict()),
  responses: {
    200: json(userAnswerSchema, 'The user is gone.'),
    202: json(dropStartedSchema, 'It takes longer than the answer waits; follow the task.'),
    409: conflict,
    ...answers,
  },
});
const bulkRoute = createRoute({
  ...post('/api/v1/users/bulk', 'Create many users at once', bulkSchema),
  responses: { 200: json(bulkAnswerSchema, 'What came of each.'), 409: conflict, ...answers },
});

const allRoute = createRoute({
  method: 'get',
  path: '/api/v1/users/all',
  summary: 'Login roles of the server that a database is on',
  request: { query: placeSchema },
  responses: { 200: json(userListSchema, 'The users, by name.'), ...answers },
});
const findRoute = createRoute({
  method: 'get',
  path: '/api/v1/users/find',
  summary: 'One login role, as it is now',
  request: { query: oneUserSchema },
  responses: { 200: json(foundUserSchema, 'Whether there is one.'), ...answers },
});

/** Users by environment: the published endpoints, and what they lack. */
export function userRoutes(deps: UserDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  /** HEAD asks what GET would answer, and changes nothing (R18). */
  const onlyHead = async (c: Context<ApiVariables>, of: { env: string; database: string }): Promise<boolean> => {
    if (c.req.method !== 'HEAD') return false;
    await requirePlace(deps, callerOf(c), of);
    return true;
  };

  /** One change of one user. */
  const act = async (
    c: Context<ApiVariables>,
    path: string,
    parameters: { env: string; database: string },
    prepare: (caller: Caller) => Promise<Operation>,
  ): Promise<UserAnswer> => {
    const caller = callerOf(c);
    return perform(deps, caller, { route: path, content: parameters, operation: await prepare(caller) });
  };

  for (const { kind, byGet, byPost } of createRoutes) {
    const create = (c: Context<ApiVariables>, parameters: z.output<ReturnType<typeof createUserSchema>>) =>
      act(c, byPost.path, parameters, (caller) => creation(deps, caller, { kind, parameters, origin: originOf(c) }));
    app.openapi(byGet, async (c) => {
      const parameters = c.req.valid('query');
      if (await onlyHead(c, parameters)) return c.body(null, 200) as never;
      return c.json(await create(c, parameters), 200);
    });
    app.openapi(byPost, async (c) => c.json(await create(c, c.req.valid('json')), 200));
  }

  const resetNow = (c: Context<ApiVariables>, of: z.output<typeof resetSchema>) =>
    act(c, resetRoutes.byPost.path, of, (caller) => reset(deps, caller, of, originOf(c)));
  app.openapi(resetRoutes.byGet, async (c) => {
    const parameters = c.req.valid('query');
    if (await onlyHead(c, parameters)) return c.body(null, 200) as never;
    return c.json(await resetNow(c, parameters), 200);
  });
  app.openapi(resetRoutes.byPost, async (c) => c.json(await resetNow(c, c.req.valid('json')), 200));

  const setPath = async (c: Context<ApiVariables>, of: z.output<typeof searchPathSchema>) => {
    const { schema } = of;
    const { password: _, ...answer } = await act(c, searchPathRoutes.byPost.path, of, (caller) =>
      setSearchPath(deps, caller, of),
    );
    return { ...answer, schema };
  };
  app.openapi(searchPathRoutes.byGet, async (c) => {
    const parameters = c.req.valid('query');
    if (await onlyHead(c, parameters)) return c.body(null, 200) as never;
    return c.json(await setPath(c, parameters), 200);
  });
  app.openapi(searchPathRoutes.byPost, async (c) => c.json(await setPath(c, c.req.valid('json')), 200));

  for (const [route, login] of [
    [disableRoute, false],
    [enableRoute, true],
  ] as const) {
    app.openapi(route, async (c) => {
      const parameters = c.req.valid('json');
      const answer = await act(c, route.path, parameters, (caller) => setLogin(deps, caller, { ...parameters, login }));
      return c.json(answer, 200);
    });
  }

  app.openapi(dropRoute, async (c) => {
    const dropped = await dropUser(deps, callerOf(c), c.req.valid('json'));
    return dropped.state === 'ended' ? c.json(dropped.answer, 200) : c.json(dropped.answer, 202);
  });
  app.openapi(bulkRoute, async (c) =>
    c.json(await createMany(deps, callerOf(c), c.req.valid('json'), originOf(c)), 200),
  );
  app.openapi(allRoute, async (c) => c.json(await listUsers(deps, callerOf(c), c.req.valid('query')), 200));
  app.openapi(findRoute, async (c) => c.json(await findUser(deps, callerOf(c), c.req.valid('query')), 200));

  return app;
}

const originOf = (c: Context): string => new URL(c.req.url).origin;
