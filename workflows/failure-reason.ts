import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/workflow';

/** The sentence that a person should read about a failed step: the innermost foreseen reason. */
export function failureReason(error: unknown): string {
  if (error instanceof ActivityFailure) {
    return error.cause instanceof TimeoutFailure ? timeoutReason(error.cause) : failureReason(error.cause);
  }
  if (error instanceof TimeoutFailure) return timeoutReason(error);
  if (error instanceof CancelledFailure) return 'the task was cancelled';
  if (error instanceof ApplicationFailure) return error.message;
  return error instanceof Error ? error.message : String(error);
}

/** Temporal hands on the last attempt's failure as the cause of a time-out over all attempts. */
function timeoutReason(error: TimeoutFailure): string {
  const kinds: Record<string, string> = {
    SCHEDULE_TO_START: 'no worker took the step in time',
    HEARTBEAT: 'the worker that ran the step went away',
    START_TO_CLOSE: 'the step took too long',
    SCHEDULE_TO_CLOSE: 'gave up after the time allowed',
  };
  const what = kinds[error.timeoutType ?? ''] ?? 'timed out';
  return error.cause === undefined ? what : `${what}; last reason: ${failureReason(error.cause)}`;
}

/** True when the time for all attempts ran out and none of them ever ended, well or badly. */
export function isUnanswered(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_CLOSE' &&
    error.cause.cause === undefined
  );
}

/** True when the step was never taken by a worker: the host's worker does not answer. */
export function isHostUnavailable(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}
