import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findTask, listTasks } from '../../store/tasks.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { invalidInput } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { idempotencyHeaders, pathIdentifier } from '../schemas/common.ts';
import {
  logPageSchema,
  queryIdentifier,
  taskIdParam,
  taskPage,
  taskPageSchema,
  waitSchema,
} from '../schemas/paging.ts';
import { conflict, json, malformed, refused } from '../schemas/responses.ts';
import { taskListSchema, taskLogSchema, taskSchema } from '../schemas/task.ts';
import { refuseSpeculation } from '../speculative-requests.ts';
import { noSuchTask } from './absent.ts';
import { awaitEnd } from './await-end.ts';
import { acceptCancel, findCancellable } from './cancel.ts';
import { listVisibleTasks } from './list-visible.ts';
import { logOf } from './log-of.ts';
import { renderTask } from './render.ts';

const databaseParams = z.object({ database_id: pathIdentifier('database_id') });
const taskParams = databaseParams.extend({ task_id: taskIdParam });
const notFound = refused('There is no such task.');

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

const listRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks',
  summary: 'Tasks of a database, newest first',
  request: { params: databaseParams, query: taskPageSchema },
  responses: { 200: json(taskListSchema, 'A page of tasks.'), 400: malformed },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks/{task_id}',
  summary: 'One task, at once or when it ends',
  request: { params: taskParams, query: waitSchema },
  responses: { 200: json(taskSchema, 'The task.'), 400: malformed, 404: notFound },
});

const logRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks/{task_id}/log',
  summary: 'Log of a task, oldest entry first',
  request: { params: taskParams, query: logPageSchema },
  responses: { 200: json(taskLogSchema, 'The newest entries.'), 400: malformed, 404: notFound },
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

  app.openapi(listRoute, async (c) => {
    const filter = { scope: 'database', entityId: c.req.valid('param').database_id } as const;
    const tasks = await listTasks(deps.db, taskPage(filter, c.req.valid('query')));
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  const requireTask = async (params: z.infer<typeof taskParams>) => {
    const task = await findTask(deps.db, { taskId: params.task_id, databaseId: params.database_id });
    if (task === undefined) throw noSuchTask();
    return task;
  };

  app.openapi(getRoute, async (c) => {
    const task = await requireTask(c.req.valid('param'));
    return c.json(renderTask(await awaitEnd(deps, c, task, c.req.valid('query').wait)), 200);
  });

  app.openapi(logRoute, async (c) => {
    const task = await requireTask(c.req.valid('param'));
    return c.json(await logOf(deps.db, task, c.req.valid('query')), 200);
  });

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
