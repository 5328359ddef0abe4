import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findTask, listTasks } from '../../store/tasks.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { pathIdentifier } from '../schemas/common.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { taskListSchema, taskLogSchema, taskSchema } from '../schemas/task.ts';
import { logOf } from './log-of.ts';
import { renderTask } from './render.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

const order = z
  .enum(['asc', 'ascend', 'ascending', 'desc', 'descend', 'descending'])
  .default('desc')
  .transform((text) => (text.startsWith('asc') ? 'asc' : 'desc'));
const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE);
const taskParams = z.object({
  database_id: pathIdentifier('database_id'),
  task_id: z.uuid().openapi({ param: { name: 'task_id', in: 'path' } }),
});

const notFound = refused('There is no such task.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks',
  summary: 'Tasks of a database, newest first',
  request: {
    params: z.object({ database_id: pathIdentifier('database_id') }),
    query: z.object({
      after_task_id: z.uuid().optional(),
      limit,
      sort_order: order,
    }),
  },
  responses: { 200: json(taskListSchema, 'A page of tasks.'), 400: malformed },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks/{task_id}',
  summary: 'One task',
  request: { params: taskParams },
  responses: { 200: json(taskSchema, 'The task.'), 400: malformed, 404: notFound },
});

const logRoute = createRoute({
  method: 'get',
  path: '/v1/databases/{database_id}/tasks/{task_id}/log',
  summary: 'Log of a task, oldest entry first',
  request: { params: taskParams, query: z.object({ after_entry_id: z.uuid().optional(), limit }) },
  responses: { 200: json(taskLogSchema, 'The newest entries.'), 400: malformed, 404: notFound },
});

/** Tasks and their logs. They stay readable after their database is deleted. */
export function taskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const { after_task_id: afterTaskId, limit: pageSize, sort_order: direction } = c.req.valid('query');
    const tasks = await listTasks(deps.db, {
      scope: 'database',
      entityId: c.req.valid('param').database_id,
      order: direction,
      limit: pageSize,
      ...(afterTaskId === undefined ? {} : { afterTaskId }),
    });
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  const requireTask = async (params: { database_id: string; task_id: string }) => {
    const task = await findTask(deps.db, { taskId: params.task_id, databaseId: params.database_id });
    if (task === undefined) throw new ApiError('not_found', 'no task found with the given ID');
    return task;
  };

  app.openapi(getRoute, async (c) => c.json(renderTask(await requireTask(c.req.valid('param'))), 200));

  app.openapi(logRoute, async (c) => {
    const task = await requireTask(c.req.valid('param'));
    return c.json(await logOf(deps.db, task, c.req.valid('query')), 200);
  });

  return app;
}
