import { isFailureType } from '../../domain/failures.ts';
import { type AccessResult, findResult } from '../../store/server-work.ts';
import type { ApiDeps } from '../deps.ts';
import { FAILURE_ERRORS } from '../error-handler.ts';
import { ApiError } from '../errors.ts';

/** Longest wait of a request for its result; the same request under the same key goes on waiting. */
const WAIT_MS = 25_000;

/**
 * Waits until a change of a server is carried out.
 * @throws ApiError with the failure's reason; 503 with Retry-After when it takes longer
 */
export async function resultOf(deps: ApiDeps, taskId: string): Promise<AccessResult> {
  const task = await deps.completions.ended(taskId, WAIT_MS);
  if (task === undefined) {
    throw new ApiError(
      'unavailable',
      `the change is accepted as task ${taskId} and not carried out yet; ask for the task, or repeat the request under the same Idempotency-Key`,
      { headers: { 'Retry-After': '2' } },
    );
  }
  const result = (await findResult(deps.db, taskId)) ?? {};
  if (task.status === 'completed') return result;
  const type = isFailureType(result.failure) ? result.failure : 'Unexpected';
  throw new ApiError(FAILURE_ERRORS[type], task.error ?? `the task ended as ${task.status}`);
}
