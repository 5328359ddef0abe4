import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { findTask, listTasks, type TaskRecord } from '../../store/tasks.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { logPageSchema, taskIdParam, taskPage, taskPageSchema, waitSchema } from '../schemas/paging.ts';
import { json, malformed } from '../schemas/responses.ts';
import { taskListSchema, taskLogSchema, taskSchema } from '../schemas/task.ts';
import { noSuchTask } from './absent.ts';
import { awaitEnd } from './await-end.ts';
import { logOf } from './log-of.ts';
import { renderTask } from './render.ts';

/** What tasks belong to, and how their routes are called. */
export interface TaskOwner {
  scope: 'database' | 'host' | 'server';
  /** Such as `/v1/hosts/{host_id}`. */
  path: string;
  /** The parameter of that path. */
  params: z.ZodObject<Record<string, z.ZodType<string>>>;
  /** Last part of the path of a log. */
  log: 'log' | 'logs';
  summaries: { list: string; get: string; log: string };
  refusals: { list?: Answers; one: Answers };
  /** What is told of one task, where that is more than in a list. */
  detail?: { schema: z.ZodType; of(task: TaskRecord): Promise<object> };
}

/** How {@link findTask} knows the owner. */
const KNOWN_BY = { database: 'databaseId', host: 'hostId', server: 'serverName' } as const;

type Answers = Record<number, ReturnType<typeof json>>;

/** The tasks of one owner, one of them, and its log. They stay readable when the owner is gone; one that never was has none. */
export function ownedTaskRoutes(deps: ApiDeps, owner: TaskOwner): OpenAPIHono<ApiVariables> {
  const { path, summaries, refusals, detail } = owner;
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });
  const params = owner.params.extend({ task_id: taskIdParam });
  const [parameter = ''] = Object.keys(owner.params.shape);

  const listRoute = createRoute({
    method: 'get',
    path: `${path}/tasks`,
    summary: summaries.list,
    request: { params: owner.params, query: taskPageSchema },
    responses: { 200: json(taskListSchema, 'A page of tasks.'), 400: malformed, ...refusals.list },
  });
  app.openapi(listRoute, async (c) => {
    const filter = { scope: owner.scope, entityId: c.req.valid('param')[parameter] ?? '' };
    const tasks = await listTasks(deps.db, taskPage(filter, c.req.valid('query')));
    return c.json({ tasks: tasks.map(renderTask) }, 200);
  });

  const requireTask = async ({ task_id: taskId = '', ...of }: Record<string, string>) => {
    const task = await findTask(deps.db, { taskId, [KNOWN_BY[owner.scope]]: of[parameter] });
    if (task === undefined) throw noSuchTask();
    return task;
  };

  const getRoute = createRoute({
    method: 'get',
    path: `${path}/tasks/{task_id}`,
    summary: summaries.get,
    request: { params, query: waitSchema },
    responses: { 200: json(detail?.schema ?? taskSchema, 'The task.'), 400: malformed, ...refusals.one },
  });
  app.openapi(getRoute, async (c) => {
    const found = await requireTask(c.req.valid('param'));
    const task = await awaitEnd(deps, c, found, c.req.valid('query').wait);
    return c.json({ ...renderTask(task), ...(await detail?.of(task)) }, 200);
  });

  const logRoute = createRoute({
    method: 'get',
    path: `${path}/tasks/{task_id}/${owner.log}`,
    summary: summaries.log,
    request: { params, query: logPageSchema },
    responses: { 200: json(taskLogSchema, 'The newest entries.'), 400: malformed, ...refusals.one },
  });
  app.openapi(logRoute, async (c) => {
    const task = await requireTask(c.req.valid('param'));
    return c.json(await logOf(deps.db, task, c.req.valid('query')), 200);
  });

  return app;
}
