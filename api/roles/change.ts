import { withoutSecrets } from '../../domain/access/document/parse.ts';
import type { AccessOptions } from '../../domain/access/request-options.ts';
import { FAILURES, isFailureType } from '../../domain/failures.ts';
import { type EndedTask, endsSoFar, LOOK_EVERY_MS } from '../../store/completions.ts';
import type { AccessResult } from '../../store/server-work.ts';
import type { Wake } from '../../store/signals.ts';
import type { Caller } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { type AcceptableChange, acceptServerTasks, type RequestIdentity } from './accept-server-task.ts';
import { parseSubmitted } from './check.ts';
import { resultOf, resultsOf } from './wait.ts';

/** A single request, as the document that it stands for. */
export interface DocumentChange {
  serverName: string;
  /** Document with the passwords in it. */
  document: unknown;
  /** Path of the caller's part in it, for problems. */
  prefix: string;
  options?: AccessOptions;
  /** For the audit log in place of the document; no secrets. */
  detail?: Record<string, unknown>;
  alongside?: AcceptableChange['alongside'];
  insert?: AcceptableChange['insert'];
}

export type SingleChange = DocumentChange & RequestIdentity;

/** A change that was carried out. */
export interface CarriedOut {
  taskId: string;
  /** False where the same request had been accepted before. */
  fresh: boolean;
  result: AccessResult;
}

/** Carries out a single request together with others that come at the same time, and waits for it. */
export async function changeNow(deps: ServerApiDeps, caller: Caller, change: SingleChange): Promise<CarriedOut> {
  const { taskIds, fresh, wakes } = await accept(deps, caller, change, [change]);
  const [taskId] = taskIds;
  if (taskId === undefined) throw new Error('a request was accepted without a task');
  return { taskId, fresh, result: await resultOf(deps, taskId, wakes.get(taskId)) };
}

/** The same for the changes of one request. One that fails harms no other. */
export async function changeAllNow(
  deps: ServerApiDeps,
  caller: Caller,
  identity: RequestIdentity,
  changes: readonly DocumentChange[],
): Promise<(CarriedOut | ApiError)[]> {
  if (changes.length === 0) return [];
  const { taskIds, fresh, wakes } = await accept(deps, caller, identity, changes);
  if (taskIds.length !== changes.length) {
    throw new ApiError('idempotency_conflict', 'parts of this request are judged otherwise than when its key was used');
  }
  const results = await resultsOf(deps, taskIds, [...wakes.values()]);
  return results.map((result, index) =>
    result instanceof Error ? result : { taskId: taskIds[index] ?? '', fresh, result },
  );
}

/** Waits begin before there is anything to wait for, so that no end is missed. */
async function accept(
  deps: ServerApiDeps,
  caller: Caller,
  identity: RequestIdentity,
  changes: readonly DocumentChange[],
): Promise<{ taskIds: string[]; fresh: boolean; wakes: Map<string, Wake> }> {
  const acceptable = changes.map(toAcceptable);
  await deps.signals.ready();
  const wakes = new Map<string, Wake>();
  const waitFor = (taskIds: readonly string[]) => {
    for (const taskId of taskIds) wakes.set(taskId, deps.signals.next('ended', taskId, LOOK_EVERY_MS));
  };
  const isSpent = (taskIds: readonly string[]) => failedInPassing(deps, taskIds);
  const accepted = await acceptServerTasks(deps, caller, { ...identity, isSpent }, acceptable, waitFor);
  if (accepted.fresh) return { ...accepted, wakes };
  // Those of a request that turned out to be a repetition.
  for (const wake of wakes.values()) wake.cancel();
  return { ...accepted, wakes: new Map() };
}

/**
 * Whether nothing was done for any of them, and only for reasons that pass. The caller was told to try again: under the same key this
 * has to be another attempt, not the same answer for ten minutes.
 */
async function failedInPassing({ db }: ServerApiDeps, taskIds: readonly string[]): Promise<boolean> {
  const ends = await endsSoFar(db, taskIds);
  return ends.length === taskIds.length && ends.every(hasFailedInPassing);
}

function hasFailedInPassing({ status, result }: EndedTask): boolean {
  return status === 'failed' && isFailureType(result.failure) && FAILURES[result.failure].retryable;
}

function toAcceptable({
  serverName,
  document,
  prefix,
  options,
  detail,
  alongside,
  insert,
}: DocumentChange): AcceptableChange {
  const { passwords } = parseSubmitted(document, prefix);
  return {
    serverName,
    type: 'change_role',
    document: withoutSecrets(document),
    passwords,
    ...(options === undefined ? {} : { options }),
    ...(detail === undefined ? {} : { detail }),
    ...(alongside === undefined ? {} : { alongside }),
    ...(insert === undefined ? {} : { insert }),
  };
}
