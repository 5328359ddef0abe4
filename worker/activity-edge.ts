import { ApplicationFailure, type Context } from '@temporalio/activity';
import type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptorsFactory,
  ActivityOutboundCallsInterceptor,
  Next,
} from '@temporalio/worker';
import { Failure, isFailureType } from '../domain/failures.ts';
import { repeatProgress } from '../platform/activity-progress.ts';
import type { Log, LogContext } from '../platform/log.ts';
import { withLogContext } from '../platform/log-context.ts';
import type { Metrics, StepAttempt } from '../platform/metrics/metrics.ts';
import { requestOf } from '../platform/temporal/request-header.ts';
import type { Tracing } from '../platform/tracing/tracing.ts';

/** Attempts that an unforeseen error gets: most are bugs, and repeating those until the deadline helps nobody. */
const UNEXPECTED_ATTEMPTS = 5;
/** So that two may be lost or late before a step that lives counts as dead. */
const HEARTBEATS_PER_TIMEOUT = 4;
/**
 * Option of every worker. By default the SDK holds heartbeats back for 80 % of their time-out: one that is late by a second
 * costs an attempt then, and a cancellation takes seconds to arrive.
 */
export const HEARTBEAT_THROTTLE_MS = 1_000;

/** What an error that an activity let through is after all, where the process knows. */
export type Foreseen = (error: unknown) => Failure | undefined;

/**
 * The edge between activities and Temporal: heartbeats while the activity runs (so that a killed worker is noticed and a
 * cancellation arrives), each with what the activity said last, and turns what it throws into a failure that holds no more than may be shown.
 * Every line that is logged meanwhile names the task, the request and the run; each attempt is counted.
 */
export function activityEdge(
  log: Log,
  metrics?: Pick<Metrics, 'stepEnded'>,
  foreseen: Foreseen = () => undefined,
): (context: Context) => { inbound: ActivityInboundCallsInterceptor; outbound: ActivityOutboundCallsInterceptor } {
  return (context) => {
    let about: LogContext = {};
    return {
      // Lines that the SDK writes itself, about the end of the activity.
      outbound: { getLogAttributes: (input, next) => next({ ...about, ...input }) },
      inbound: {
        async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
          const { heartbeatTimeoutMs, activityType: step, attempt } = context.info;
          const timer =
            heartbeatTimeoutMs === undefined
              ? undefined
              : setInterval(() => repeatProgress(context), heartbeatTimeoutMs / HEARTBEATS_PER_TIMEOUT);
          const startedAt = performance.now();
          let end: Pick<StepAttempt, 'outcome' | 'failure'> = { outcome: 'completed' };
          about = contextOf(input, context);
          return withLogContext(about, async () => {
            try {
              return await next(input);
            } catch (error) {
              // What a cancelled activity throws is the noise of its ending.
              if (context.cancellationSignal.aborted) {
                end = { outcome: 'cancelled' };
                throw context.cancellationSignal.reason;
              }
              const failure = toApplicationFailure(foreseen(error) ?? error, context, log);
              end = { outcome: 'failed', failure: failure.type ?? 'Unexpected' };
              throw failure;
            } finally {
              clearInterval(timer);
              metrics?.stepEnded({ step, attempt, ...end, seconds: (performance.now() - startedAt) / 1000 });
            }
          });
        },
      },
    };
  };
}

/** Interceptors that make steps spans, where traces are exported. */
export function tracedBy(observe: { tracing: Tracing | undefined } | undefined): ActivityInterceptorsFactory[] {
  return observe?.tracing === undefined ? [] : [observe.tracing.activity];
}

/** Takes the spans of runs whose starters export traces while this worker does not. */
export const NO_SINKS: Tracing['sinks'] = { exporter: { export: { fn: () => undefined } } };

/** Ids of what was accepted, as arguments have them: nothing else of an argument is logged. */
const LOGGED_ARGUMENTS = ['taskId', 'batchId', 'instanceId'] as const;

/** On whose behalf a step runs. */
function contextOf({ args, headers }: ActivityExecuteInput, { info }: Context): LogContext {
  const [argument] = args;
  const given: object = typeof argument === 'object' && argument !== null ? argument : {};
  const ids = LOGGED_ARGUMENTS.map((name): [string, unknown] => [name, Reflect.get(given, name)]);
  const requestId = requestOf(headers);
  const workflowId = info.workflowExecution?.workflowId;
  return {
    ...Object.fromEntries(ids.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
    ...(requestId === undefined ? {} : { requestId }),
    ...(workflowId === undefined ? {} : { workflowId }),
    step: info.activityType,
  };
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
