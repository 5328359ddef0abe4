import { isFailureType } from '../../domain/failures.ts';
import { type EndedTask, taskEnd, taskEnds } from '../../store/completions.ts';
import type { AccessResult } from '../../store/server-work.ts';
import type { Wake } from '../../store/signals.ts';
import type { ApiDeps } from '../deps.ts';
import { FAILURE_ERRORS } from '../error-handler.ts';
import { ApiError } from '../errors.ts';

/** Longest wait of a request for its result; the same request under the same key goes on waiting. */
export const WAIT_MS = 25_000;

/**
 * Waits until a change of a server is carried out.
 * @param wake of a wait that began before the task was accepted: there is no need to look at once
 * @throws ApiError with the failure's reason; 503 with Retry-After when it takes longer
 */
export async function resultOf(deps: ApiDeps, taskId: string, wake?: Wake): Promise<AccessResult> {
  const end = await taskEnd(deps, { taskId, boundMs: WAIT_MS, ...(wake === undefined ? {} : { wake }) });
  const result = judge(taskId, end);
  if (result instanceof ApiError) throw result;
  return result;
}

/** The same for several, an error in the place of a result; the wait is that of the slowest. */
export async function resultsOf(
  deps: ApiDeps,
  taskIds: readonly string[],
  wakes: readonly Wake[] = [],
): Promise<(AccessResult | ApiError)[]> {
  const ends = await taskEnds(deps, { taskIds, boundMs: WAIT_MS, wakes });
  return taskIds.map((taskId) => judge(taskId, ends.get(taskId)));
}

function judge(taskId: string, end: EndedTask | undefined): AccessResult | ApiError {
  if (end === undefined) {
    return new ApiError(
      'unavailable',
      `the change is accepted as task ${taskId} and not carried out yet; ask for the task, or repeat the request under the same Idempotency-Key`,
      { headers: { 'Retry-After': '2' } },
    );
  }
  return endOf(end);
}

/** What came of a task that has ended. */
export function endOf(end: EndedTask): AccessResult | ApiError {
  if (end.status === 'completed') return end.result;
  const type = isFailureType(end.result.failure) ? end.result.failure : 'Unexpected';
  return new ApiError(FAILURE_ERRORS[type], end.error ?? `the task ended as ${end.status}`);
}
