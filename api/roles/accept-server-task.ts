import { z } from '@hono/zod-openapi';
import type { SubmittedPassword } from '../../domain/access/document.ts';
import type { AccessOptions } from '../../domain/access/request-options.ts';
import { addToLogContext } from '../../platform/log-context.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import { startTask } from '../../platform/temporal/start-task.ts';
import { insertRequest, newTaskId, serverWorkflow, serverWorkflowId } from '../../store/accepted-requests.ts';
import { insertApproval } from '../../store/approvals.ts';
import { insertAudit } from '../../store/audit.ts';
import { inTransaction, type Queryable } from '../../store/connection.ts';
import { taskSecretId, taskSecretOwner } from '../../store/secrets.ts';
import type { ServerTaskType } from '../../store/tasks.ts';
import type { Hold } from '../approvals/hold.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps, ServerApiDeps } from '../deps.ts';
import { changeRequest } from '../idempotency.ts';
import { noSuchServer } from '../servers/require-server.ts';

/** A change of a server that was checked as far as it can be beforehand. */
export interface AcceptableChange {
  serverName: string;
  type: ServerTaskType;
  /** Without secrets. */
  document: unknown;
  passwords: ReadonlyMap<string, SubmittedPassword>;
  planHash?: string;
  /** `withoutAdminRole` follows the caller unless given: a family with rules of its own may say otherwise. */
  options?: AccessOptions;
  /** For the audit log; no secrets. */
  detail?: Record<string, unknown>;
  /** It waits for approval of this plan, which has the hash `planHash`. */
  held?: Hold & { plan: object };
  /** What else is put on record with it, in the same transaction; refuses the request by an ApiError. */
  alongside?: (tx: Queryable, taskId: string) => Promise<void>;
  /** Records it in the place of {@link insertRequest}, together with something else. @returns false when there is no such server */
  insert?: typeof insertRequest;
}

/** What makes a request what it is: what its idempotency key is bound to. */
export interface RequestIdentity {
  /** Method and pattern of the route. */
  route: string;
  /** Secrets that the caller sent included; nothing that is made here. */
  content: unknown;
  /** Whether the tasks of the same request came to nothing, so that it is another attempt; unless given it never is. */
  isSpent?: (taskIds: readonly string[]) => Promise<boolean>;
}

/** A request for one change of a server. */
export type ServerChange = AcceptableChange & RequestIdentity;

/** Releases until this one kept one id. */
const acceptedSchema = z.union([
  z.object({ taskIds: z.array(z.uuid()) }),
  z.object({ taskId: z.uuid() }).transform(({ taskId }) => ({ taskIds: [taskId] })),
]);

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
  const { taskIds, fresh } = await acceptServerTasks(deps, caller, change, [change], (ids) =>
    ids.forEach(beforeAccepting),
  );
  const [taskId] = taskIds;
  if (taskId === undefined) throw new Error('a request was accepted without a task');
  return { taskId, fresh };
}

/** The same for several changes of one request: all of them are on record, or none. */
export async function acceptServerTasks(
  deps: ServerApiDeps,
  caller: Caller,
  identity: RequestIdentity,
  changes: readonly AcceptableChange[],
  beforeAccepting: (taskIds: readonly string[]) => void = () => undefined,
): Promise<{ taskIds: string[]; fresh: boolean }> {
  let fresh = false;
  const { route, content, isSpent } = identity;
  const request = changeRequest<{ taskIds: string[] }>(deps, {
    ...{ caller, route, content, answer: acceptedSchema },
    isSpent: isSpent && (async ({ taskIds }) => isSpent(taskIds)),
  });
  const { taskIds } = await request.once(async () => {
    const tasks = changes.map((change) => ({ change, taskId: newTaskId() }));
    const ids = tasks.map(({ taskId }) => taskId);
    beforeAccepting(ids);
    const record = async (db: Queryable, { change, taskId }: (typeof tasks)[number]) => {
      const insert = change.insert ?? insertRequest;
      const known = await insert(db, {
        taskId,
        serverName: change.serverName,
        type: change.type,
        requestHash: request.hash,
        document: change.document,
        planHash: change.planHash ?? null,
        options: { withoutAdminRole: !caller.isAdmin, ...change.options },
        held: change.held !== undefined,
        secrets: sealPasswords(deps, taskId, change.passwords),
        audit: {
          ...askedBy(caller),
          detail: change.detail ?? { document: change.document },
        },
      });
      if (!known) throw noSuchServer(change.serverName);
      if (change.held !== undefined) await recordHold(db, caller, { ...change, held: change.held, taskId });
    };
    const [only, ...others] = tasks;
    // One statement is a transaction by itself; the answer for a key belongs into the same one.
    const isOneStatement =
      others.length === 0 &&
      only?.change.held === undefined &&
      only?.change.alongside === undefined &&
      caller.idempotencyKey === undefined;
    if (only !== undefined && isOneStatement) await record(deps.db, only);
    else {
      await inTransaction(deps.db, async (tx) => {
        await request.keep(tx, { taskIds: ids });
        for (const task of tasks) await record(tx, task);
        for (const { change, taskId } of tasks) await change.alongside?.(tx, taskId);
      });
    }
    fresh = true;
    // One request may become several tasks; most become one.
    if (only !== undefined && others.length === 0) addToLogContext({ taskId: only.taskId });
    await Promise.all(
      tasks.map(({ change, taskId }) => startAccepted(deps, { taskId, ...change, held: change.held !== undefined })),
    );
    return { taskIds: ids };
  });
  noteAccepted(caller);
  return { taskIds, fresh };
}

/** Puts on record what a task waits for, and who is to know. */
async function recordHold(
  tx: Queryable,
  caller: Caller,
  of: { taskId: string; serverName: string; planHash?: string; held: Hold & { plan: object } },
): Promise<void> {
  const { taskId, serverName, planHash, held } = of;
  if (planHash === undefined) throw new Error('a change waits for approval without a plan');
  const { kind, roles, reason, policy, plan } = held;
  await insertApproval(tx, {
    ...{ taskId, serverName, kind, roles, plan, planHash },
    requester: caller.account,
    reason: reason ?? null,
    policyName: policy.name,
    rules: policy.rules,
  });
  await insertAudit(tx, {
    kind: 'outcome',
    ...askedBy(caller),
    action: 'approval.request',
    resource: `server/${serverName}`,
    taskId,
    outcome: 'completed',
    detail: { approval: taskId, policy: policy.name, kind, roles, plan_hash: planHash, why: reason ?? null },
  });
}

/** The request is on record: a Temporal that does not answer is no error for the caller, the reconciler starts what waits. */
async function startAccepted(
  deps: ServerApiDeps,
  task: { taskId: string; serverName: string; type: ServerTaskType; held: boolean },
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
      workflowType: serverWorkflow(task).workflowType,
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
    const identity = { id: taskSecretId(taskId, role), owner, version: 1 };
    return sealStored(deps.sealer, identity, JSON.stringify(password));
  });
}
