import type { OpenAPIHono } from '@hono/zod-openapi';
import { findResult } from '../../store/server-work.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { serverTaskSchema } from '../schemas/access.ts';
import { ownedTaskRoutes } from '../tasks/owned-task-routes.ts';
import { forbidden, notFound, serverParams } from './params.ts';

const refusals = { 403: forbidden, 404: notFound };

/** Tasks on servers, with what came of them. */
export function serverTaskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  return ownedTaskRoutes(deps, {
    scope: 'server',
    path: '/v1/servers/{name}',
    params: serverParams,
    log: 'log',
    summaries: {
      list: 'Tasks of a server, newest first',
      get: 'One task, at once or when it ends, with what came of it',
      log: 'Log of a task, oldest entry first',
    },
    refusals: { list: refusals, one: refusals },
    detail: {
      schema: serverTaskSchema,
      async of(task) {
        const result = await findResult(deps.db, task.id);
        return result === undefined ? {} : { result };
      },
    },
  });
}
