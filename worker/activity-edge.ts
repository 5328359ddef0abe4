import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInboundCallsInterceptor, Next } from '@temporalio/worker';
import { Failure, isFailureType } from '../domain/failures.ts';
import { repeatProgress } from '../platform/activity-progress.ts';
import type { Log } from '../platform/log.ts';

/** Attempts that an unforeseen error gets: most are bugs, and repeating those until the deadline helps nobody. */
const UNEXPECTED_ATTEMPTS = 5;
/** So that two may be lost or late before a step that lives counts as dead. */
const HEARTBEATS_PER_TIMEOUT = 4;
/**
 * Option of every worker. By default the SDK holds heartbeats back for 80 % of their time-out: one that is late by a second
 * costs an attempt then, and a cancellation takes seconds to arrive.
 */
export const HEARTBEAT_THROTTLE_MS = 1_000;

/**
 * The edge between activities and Temporal: heartbeats while the activity runs (so that a killed worker is noticed and a
 * cancellation arrives), each with what the activity said last, and turns what it throws into a failure that holds no more than may be shown.
 */
export function activityEdge(log: Log): (context: Context) => { inbound: ActivityInboundCallsInterceptor } {
  return (context) => ({
    inbound: {
      async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
        const { heartbeatTimeoutMs } = context.info;
        const timer =
          heartbeatTimeoutMs === undefined
            ? undefined
            : setInterval(() => repeatProgress(context), heartbeatTimeoutMs / HEARTBEATS_PER_TIMEOUT);
        try {
          return await next(input);
        } catch (error) {
          // What a cancelled activity throws is the noise of its ending.
          if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
          throw toApplicationFailure(error, context, log);
        } finally {
          clearInterval(timer);
        }
      },
    },
  });
}

function toApplicationFailure(error: unknown, context: Context, log: Log): ApplicationFailure {
  const { activityType, attempt } = context.info;
  const workflowId = context.info.workflowExecution?.workflowId;
  if (error instanceof Failure) {
    log.info({ activityType, attempt, workflowId, type: error.type, reason: error.message }, 'step failed');
    return ApplicationFailure.create({
      type: error.type,
      message: error.message,
      nonRetryable: !error.retryable,
      details: [error.details],
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
  }
  if (error instanceof ApplicationFailure && isFailureType(error.type)) return error;
  log.error({ err: error, activityType, attempt, workflowId }, 'step failed unexpectedly');
  return ApplicationFailure.create({
    type: 'Unexpected',
    message: `unexpected error in ${activityType}; the worker's log has it under workflow id ${workflowId ?? 'unknown'}`,
    nonRetryable: attempt >= UNEXPECTED_ATTEMPTS,
  });
}
