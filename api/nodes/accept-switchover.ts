import type { z } from '@hono/zod-openapi';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { inTransaction } from '../../store/connection.ts';
import { findDatabase, lockDatabase } from '../../store/databases.ts';
import { lockServer } from '../../store/servers.ts';
import { insertSwitchover, openTasksOnServer, takeForSwitchover } from '../../store/switchovers.ts';
import { insertTask, type TaskRecord } from '../../store/tasks.ts';
import { mayUse } from '../access/may-use.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import { noSuchDatabase } from '../databases/absent.ts';
import { startRun } from '../databases/start-run.ts';
import { surroundings } from '../databases/surroundings.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type ChangeRequest, changeRequest } from '../idempotency.ts';
import { acceptedTaskSchema } from '../schemas/database.ts';
import type { switchoverSchema } from '../schemas/switchover.ts';
import { renderTask } from '../tasks/render.ts';
import { chooseCandidate, type Switch } from './choose-candidate.ts';
import { withTopologies } from './topologies.ts';

type AcceptedTask = z.infer<typeof acceptedTaskSchema>;

interface SwitchoverRequest {
  databaseId: string;
  nodeName: string;
  body: z.infer<typeof switchoverSchema>;
}

/**
 * Accepts a switchover of a node. One that is to begin now takes the database at once; one for later leaves it free until then, and
 * begins when no other operation is under way.
 */
export function acceptSwitchover(deps: ApiDeps, caller: Caller, request: SwitchoverRequest): Promise<AcceptedTask> {
  const { databaseId, nodeName, body } = request;
  const change = changeRequest(deps, {
    caller,
    route: 'POST /v1/databases/{database_id}/nodes/{node_name}/switchover',
    content: request,
    answer: acceptedTaskSchema,
  });
  return change.once(async () => {
    const database = await findDatabase(deps.db, databaseId);
    if (database === undefined) throw noSuchDatabase();
    const around = await withTopologies(deps, await surroundings(deps.db), [database.spec]);
    const candidateInstanceId = body.candidate_instance_id;
    const chosen = chooseCandidate(database, { nodeName, candidateInstanceId }, around);
    assertServerInScope(caller, chosen);
    const { task, accepted } = await record(deps, { ...request, caller, change, chosen });
    await startRun(deps, task, [chosen.primaryHostId, chosen.candidateHostId]);
    return accepted;
  });
}

/** A switchover concerns every database of the server. @throws ApiError 403 */
function assertServerInScope(caller: Caller, { server }: Switch): void {
  if (mayUse(caller, 'servers', server.name)) return;
  throw new ApiError('forbidden', 'a switchover concerns all databases of the server, which your scope does not name');
}

/** One transaction. @throws ApiError when there is no such database, or something else is under way */
function record(
  deps: ApiDeps,
  request: SwitchoverRequest & { caller: Caller; change: ChangeRequest<AcceptedTask>; chosen: Switch },
): Promise<{ task: TaskRecord; accepted: AcceptedTask }> {
  const { databaseId, nodeName, caller, chosen } = request;
  const scheduledAt = request.body.scheduled_at === undefined ? null : new Date(request.body.scheduled_at);
  const later = scheduledAt !== null && scheduledAt.getTime() > Date.now();
  return inTransaction(deps.db, async (tx) => {
    await lockServer(tx, chosen.server.name);
    const database = await lockDatabase(tx, databaseId);
    if (database === undefined) throw noSuchDatabase();
    const { workflowType, kind: workflowKind } = TASK_WORKFLOWS.switchover;
    const { serverName, open } = await underWay(tx, chosen);
    if (!later && open !== undefined) {
      throw new ApiError('operation_already_in_progress', `${open} is under way on server ${serverName}`);
    }
    const task = await insertTask(tx, {
      scope: 'database',
      entityId: databaseId,
      type: 'switchover',
      epoch: database.epoch,
      workflowType,
      workflowKind,
      requestHash: request.change.hash,
      actor: caller.account,
    });
    await insertSwitchover(tx, { ...chosen, serverName, taskId: task.id, nodeName, scheduledAt });
    if (!later) assertTaken(await takeForSwitchover(tx, task.id));
    await auditIntent(tx, caller, {
      action: 'database.switchover',
      resource: `database/${databaseId}`,
      taskId: task.id,
      detail: { node: nodeName, from: chosen.primaryHostId, to: chosen.candidateHostId, scheduledAt },
    });
    const accepted = { task: renderTask(task) };
    await request.change.keep(tx, accepted);
    return { task, accepted };
  });
}

async function underWay(
  tx: Parameters<typeof openTasksOnServer>[0],
  { server: { name: serverName } }: Switch,
): Promise<{ serverName: string; open: string | undefined }> {
  const [open] = await openTasksOnServer(tx, { serverName });
  return { serverName, open: open && `${open.type} of database "${open.databaseId}"` };
}

function assertTaken(taken: Awaited<ReturnType<typeof takeForSwitchover>>): void {
  if (taken === 'gone') throw noSuchDatabase();
  if ('state' in taken) {
    throw new ApiError(
      'database_not_modifiable',
      `the database is ${taken.state}; its node can be switched over when it is available`,
    );
  }
}
