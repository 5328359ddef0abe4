import { z } from '@hono/zod-openapi';
import type { SubmittedPassword } from '../../domain/access/document.ts';
import { TASK_WORKFLOWS } from '../../domain/task-workflows.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { type BatchRecord, openBatch } from '../../store/batches.ts';
import { inTransaction } from '../../store/connection.ts';
import { insertSecrets, taskSecretId, taskSecretOwner } from '../../store/secrets.ts';
import { type AccessOptions, insertAccessRequest } from '../../store/server-work.ts';
import { findServer } from '../../store/servers.ts';
import { auditAction, insertTask, type ServerTaskType, type TaskRecord } from '../../store/tasks.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps, ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { startBatchRun } from './dispatcher.ts';

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
  options?: AccessOptions;
  /** For the audit log; no secrets. */
  detail?: Record<string, unknown>;
}

const acceptedSchema = z.object({ taskId: z.uuid() });
/** Tasks on servers are ordered by locks, not by epochs. */
const NO_EPOCH = 0;

/** The server of a request. @throws ApiError 404 */
export async function requireServer(deps: Pick<ApiDeps, 'db'>, name: string) {
  const server = await findServer(deps.db, name);
  if (server === undefined) throw new ApiError('not_found', `no server found with the name ${JSON.stringify(name)}`);
  return server;
}

/**
 * Records a change of a server with its passwords sealed, and starts its run: a run of its own, or for `change_role` the batch
 * that is next. The same request under the same key gives the same task (R7); `fresh` tells whether it is a new one.
 */
export async function acceptServerTask(
  deps: ServerApiDeps,
  caller: Caller,
  change: ServerChange,
): Promise<{ taskId: string; fresh: boolean }> {
  let fresh = false;
  const request = changeRequest(deps, {
    caller,
    route: change.route,
    content: change.content,
    answer: acceptedSchema,
  });
  const { taskId } = await request.once(async () => {
    const { task, batch } = await inTransaction(deps.db, async (tx) => {
      const { workflowType, kind: workflowKind } = TASK_WORKFLOWS[change.type];
      const accepted = await insertTask(tx, {
        scope: 'server',
        entityId: change.serverName,
        type: change.type,
        epoch: NO_EPOCH,
        workflowType,
        workflowKind,
        requestHash: request.hash,
        actor: caller.account,
      });
      await insertAccessRequest(tx, {
        taskId: accepted.id,
        document: change.document,
        ...(change.planHash === undefined ? {} : { planHash: change.planHash }),
        ...(change.options === undefined ? {} : { options: change.options }),
      });
      await insertSecrets(tx, sealPasswords(deps, accepted.id, change.passwords));
      await auditIntent(tx, caller, {
        action: auditAction(accepted),
        resource: `server/${change.serverName}`,
        taskId: accepted.id,
        detail: change.detail ?? { document: change.document },
      });
      await request.keep(tx, { taskId: accepted.id });
      const opened = change.type === 'change_role' ? await openBatch(tx, change.serverName) : undefined;
      return { task: accepted, batch: opened };
    });
    fresh = true;
    await startAccepted(deps, task, batch);
    return { taskId: task.id };
  });
  return { taskId, fresh };
}

/** The request is on record: a Temporal that does not answer is no error for the caller, the reconciler starts what waits. */
async function startAccepted(deps: ServerApiDeps, task: TaskRecord, batch: BatchRecord | undefined): Promise<void> {
  if (batch !== undefined) return startBatchRun(deps, batch);
  if (task.type === 'change_role') return deps.dispatcher.poke(task.entityId);
  try {
    await startTask(deps.workflows, {
      workflowId: task.workflowId,
      workflowType: task.workflowType,
      taskQueue: deps.taskQueue,
      argument: { taskId: task.id },
      labels: { operation: task.type, server: task.entityId },
      summary: `${task.type} on server ${task.entityId}`,
      eager: deps.eagerStart,
    });
  } catch (error) {
    deps.log.warn(
      { err: error, taskId: task.id },
      'Temporal did not take the start; the reconciler will start the task',
    );
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
