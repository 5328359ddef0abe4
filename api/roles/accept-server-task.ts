import { z } from '@hono/zod-openapi';
import type { SubmittedPassword } from '../../domain/access/document.ts';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { insertRequest, newTaskId, serverWorkflowId } from '../../store/accepted-requests.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { taskSecretId, taskSecretOwner } from '../../store/secrets.ts';
import type { AccessOptions } from '../../store/server-work.ts';
import type { ServerTaskType } from '../../store/tasks.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps, ServerApiDeps } from '../deps.ts';
import { changeRequest } from '../idempotency.ts';
import { noSuchServer } from '../servers/require-server.ts';

/** A change of a server that was checked as far as it can be beforehand. */
export interface ServerChange {
  serverName: string;
  type: ServerTaskType;
  /** Method and pattern of the route: what idempotency keys are bound to. */
  route: string;
  /** What makes the request what it is, secrets included. */
  content: unknown;
  /** Without secrets. */
  document: unknown;
  passwords: ReadonlyMap<string, SubmittedPassword>;
  planHash?: string;
  /** `withoutAdminRole` follows the caller unless given: a family with rules of its own may say otherwise. */
  options?: AccessOptions;
  /** For the audit log; no secrets. */
  detail?: Record<string, unknown>;
}

const acceptedSchema = z.object({ taskId: z.uuid() });

/**
 * Records a change of a server with its passwords sealed, and starts its run: a run of its own, or for `change_role` the batch
 * that is next. The same request under the same key gives the same task (R7); `fresh` tells whether it is a new one.
 * @param beforeAccepting hears the id of a new task before anybody else can, so that its end is not missed
 */
export async function acceptServerTask(
  deps: ServerApiDeps,
  caller: Caller,
  change: ServerChange,
  beforeAccepting: (taskId: string) => void = () => undefined,
): Promise<{ taskId: string; fresh: boolean }> {
  let fresh = false;
  const request = changeRequest(deps, {
    caller,
    route: change.route,
    content: change.content,
    answer: acceptedSchema,
  });
  const { taskId } = await request.once(async () => {
    const taskId = newTaskId();
    beforeAccepting(taskId);
    const record = async (db: Queryable) => {
      const known = await insertRequest(db, {
        taskId,
        serverName: change.serverName,
        type: change.type,
        requestHash: request.hash,
        document: change.document,
        planHash: change.planHash ?? null,
        options: { withoutAdminRole: !caller.isAdmin, ...change.options },
        secrets: sealPasswords(deps, taskId, change.passwords),
        audit: {
          ...askedBy(caller),
          detail: change.detail ?? { document: change.document },
        },
      });
      if (!known) throw noSuchServer(change.serverName);
    };
    // One statement is a transaction by itself; the answer for a key belongs into the same one.
    if (caller.idempotencyKey === undefined) await record(deps.db);
    else {
      await inTransaction(deps.db, async (tx) => {
        await record(tx);
        await request.keep(tx, { taskId });
      });
    }
    fresh = true;
    await startAccepted(deps, { taskId, serverName: change.serverName, type: change.type });
    return { taskId };
  });
  noteAccepted(caller);
  return { taskId, fresh };
}

/** The request is on record: a Temporal that does not answer is no error for the caller, the reconciler starts what waits. */
async function startAccepted(
  deps: ServerApiDeps,
  task: { taskId: string; serverName: string; type: ServerTaskType },
): Promise<void> {
  const { taskId, serverName, type } = task;
  if (type === 'change_role') {
    // Whoever waits for the end waits for this, too; it reports its own failure.
    void deps.dispatcher.poke(serverName);
    return;
  }
  try {
    await startTask(deps.workflows, {
      workflowId: serverWorkflowId(task),
      workflowType: TASK_WORKFLOWS[type].workflowType,
      taskQueue: deps.taskQueue,
      argument: { taskId },
      labels: { operation: type, server: serverName },
      summary: `${type} on server ${serverName}`,
      eager: deps.eagerStart,
    });
  } catch (error) {
    deps.log.warn({ err: error, taskId }, 'Temporal did not take the start; the reconciler will start the task');
  }
}

function sealPasswords(deps: ApiDeps, taskId: string, passwords: ReadonlyMap<string, SubmittedPassword>) {
  const owner = taskSecretOwner(taskId);
  return [...passwords].map(([role, password]) => {
    const secretId = taskSecretId(taskId, role);
    const { keyId, bytes } = deps.sealer.seal({ secretId, owner, version: 1 }, JSON.stringify(password));
    return { id: secretId, owner, version: 1, keyId, sealed: bytes };
  });
}
