import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import { queryIdentifier, taskIdParam, taskPage, taskPageSchema } from '../schemas/paging.ts';
import { conflict, json, malformed, refused } from '../schemas/responses.ts';
import { taskListSchema, taskSchema } from '../schemas/task.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { acceptCancel, findCancellable } from './cancel.ts';
import { listVisibleTasks } from './list-visible.ts';
import { ownedTaskRoutes } from './owned-task-routes.ts';
import { renderTask } from './render.ts';

const databaseParams = z.object({ database_id: pathIdentifier('database_id') });
const taskParams = databaseParams.extend({ task_id: taskIdParam });

const listAllRoute = createRoute({
  method: 'get',
  path: '/v1/tasks',
  summary: 'Tasks of all databases and hosts, or of one scope, newest first',
  request: {
    query: taskPageSchema.extend({
      scope: z.enum(['database', 'host', 'server']).optional(),
      entity_id: queryIdentifier.optional().openapi({ description: 'Id of a database or host, name of a server.' }),
    }),
  },
  responses: {
    200: json(taskListSchema, 'A page of tasks.'),
    400: malformed,
  },
});

const cancel = {
  path: '/v1/databases/{database_id}/tasks/{task_id}/cancel',
  summary: 'Cancel a task: what it has done is undone',
  middleware: refuseSpeculation(),
  request: { params: taskParams, headers: idempotencyHeaders },
  responses: {
    200: json(taskSchema, 'The task is being cancelled; follow it.'),
    400: malformed,
    409: conflict,
  },
};
/** Published clients cancel with GET. */
const cancelByGetRoute = createRoute({ ...cancel, method: 'get' });
const cancelRoute = createRoute({ ...cancel, method: 'post' });

/** Tasks and their logs. They stay readable after their database is deleted. */
export function taskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listAllRoute, async (c) => {
    const { scope, entity_id: entityId, ...page } = c.req.valid('query');
    if (scope === undefined && entityId !== undefined) {
      throw invalidInput([{ path: 'entity_id', message: 'needs scope: ids of different scopes may be alike' }]);
    }
    const filter = scope && { scope, ...(entityId === undefined ? {} : { entityId }) };
    const tasks = await listVisibleTasks(deps, callerOf(c), taskPage(filter, page));
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  app.route(
    '/',
    ownedTaskRoutes(deps, {
      scope: 'database',
      path: '/v1/databases/{database_id}',
      params: databaseParams,
      log: 'log',
      summaries: {
        list: 'Tasks of a database, newest first',
        get: 'One task, at once or when it ends',
        log: 'Log of a task, oldest entry first',
      },
      refusals: { one: { 404: refused('There is no such task.') } },
    }),
  );

  const named = ({ database_id: databaseId, task_id: taskId }: z.infer<typeof taskParams>) => ({ databaseId, taskId });

  app.openapi(cancelByGetRoute, async (c) => {
    // HEAD asks what GET would answer, and changes nothing (R18).
    if (c.req.method === 'HEAD')
      return c.json(renderTask(await findCancellable(deps, named(c.req.valid('param')))), 200);
    return c.json(await acceptCancel(deps, callerOf(c), named(c.req.valid('param'))), 200);
  });

  app.openapi(cancelRoute, async (c) =>
    c.json(await acceptCancel(deps, callerOf(c), named(c.req.valid('param'))), 200),
  );

  return app;
}
