import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { findResult } from '../../store/server-work.ts';
import { findTask, listTasks } from '../../store/tasks.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { serverTaskSchema } from '../schemas/access.ts';
import { logPageSchema, taskIdParam, taskPage, taskPageSchema, waitSchema } from '../schemas/paging.ts';
import { json, malformed } from '../schemas/responses.ts';
import { taskListSchema, taskLogSchema } from '../schemas/task.ts';
import { noSuchTask } from '../tasks/absent.ts';
import { awaitEnd } from '../tasks/await-end.ts';
import { logOf } from '../tasks/log-of.ts';
import { renderTask } from '../tasks/render.ts';
import { forbidden, notFound, serverParams } from './params.ts';

const taskParams = serverParams.extend({ task_id: taskIdParam });
const answers = { 400: malformed, 403: forbidden, 404: notFound };

const listRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/tasks',
  summary: 'Tasks of a server, newest first',
  request: { params: serverParams, query: taskPageSchema },
  responses: { 200: json(taskListSchema, 'A page of tasks.'), ...answers },
});

const getRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/tasks/{task_id}',
  summary: 'One task, at once or when it ends, with what came of it',
  request: { params: taskParams, query: waitSchema },
  responses: { 200: json(serverTaskSchema, 'The task.'), ...answers },
});

const logRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/tasks/{task_id}/log',
  summary: 'Log of a task, oldest entry first',
  request: { params: taskParams, query: logPageSchema },
  responses: { 200: json(taskLogSchema, 'The newest entries.'), ...answers },
});

/** Tasks on servers and their logs. */
export function serverTaskRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  const requireTask = async ({ name, task_id: taskId }: { name: string; task_id: string }) => {
    const task = await findTask(deps.db, { taskId, serverName: name });
    if (task === undefined) throw noSuchTask();
    return task;
  };

  app.openapi(listRoute, async (c) => {
    const filter = { scope: 'server', entityId: c.req.valid('param').name } as const;
    const tasks = await listTasks(deps.db, taskPage(filter, c.req.valid('query')));
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const found = await requireTask(c.req.valid('param'));
    const task = await awaitEnd(deps, c, found, c.req.valid('query').wait);
    const result = await findResult(deps.db, task.id);
    return c.json({ ...renderTask(task), ...(result === undefined ? {} : { result }) }, 200);
  });

  app.openapi(logRoute, async (c) => {
    const task = await requireTask(c.req.valid('param'));
    return c.json(await logOf(deps.db, task, c.req.valid('query')), 200);
  });

  return app;
}
