import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { findTask, listTasks } from '../../store/tasks.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { pathIdentifier } from '../schemas/common.ts';
import { logPageSchema, taskIdParam, taskPage, taskPageSchema, waitSchema } from '../schemas/paging.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { taskListSchema, taskLogSchema, taskSchema } from '../schemas/task.ts';
import { noSuchTask } from '../tasks/absent.ts';
import { awaitEnd } from '../tasks/await-end.ts';
import { logOf } from '../tasks/log-of.ts';
import { renderTask } from '../tasks/render.ts';

const hostParams = z.object({ host_id: pathIdentifier('host_id', 'host-1') });
const taskParams = hostParams.extend({ task_id: taskIdParam });
const notFound = refused('There is no such task.');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/hosts/{host_id}/tasks',
  summary: 'Tasks of a host, newest first',
  request: { params: hostParams, query: taskPageSchema },
  responses: { 200: json(taskListSchema, 'A page of tasks.'), 400: malformed },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/hosts/{host_id}/tasks/{task_id}',
  summary: 'One task of a host, at once or when it ends',
  request: { params: taskParams, query: waitSchema },
  responses: { 200: json(taskSchema, 'The task.'), 400: malformed, 404: notFound },
});

const logRoute = createRoute({
  method: 'get',
  path: '/v1/hosts/{host_id}/tasks/{task_id}/logs',
  summary: 'Log of a task of a host, oldest entry first',
  request: { params: taskParams, query: logPageSchema },
  responses: { 200: json(taskLogSchema, 'The newest entries.'), 400: malformed, 404: notFound },
});

/** Tasks of hosts. They stay readable when the host is gone; an unknown host has none. */
export function hostTaskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(listRoute, async (c) => {
    const filter = { scope: 'host', entityId: c.req.valid('param').host_id } as const;
    const tasks = await listTasks(deps.db, taskPage(filter, c.req.valid('query')));
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  const requireTask = async (params: z.infer<typeof taskParams>) => {
    const task = await findTask(deps.db, { taskId: params.task_id, hostId: params.host_id });
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

  return app;
}
