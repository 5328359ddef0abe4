import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { pathIdentifier } from '../schemas/common.ts';
import { refused } from '../schemas/responses.ts';
import { ownedTaskRoutes } from '../tasks/owned-task-routes.ts';

/** Tasks of hosts. */
export function hostTaskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  return ownedTaskRoutes(deps, {
    scope: 'host',
    path: '/v1/hosts/{host_id}',
    params: z.object({ host_id: pathIdentifier('host_id', 'host-1') }),
    log: 'logs',
    summaries: {
      list: 'Tasks of a host, newest first',
      get: 'One task of a host, at once or when it ends',
      log: 'Log of a task of a host, oldest entry first',
    },
    refusals: { one: { 404: refused('There is no such task.') } },
  });
}
