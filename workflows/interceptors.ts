/**
 * Loaded beside the workflows, into every run: hands the request id and the trace that a run was started with on to its steps.
 *
 * Nothing here waits, draws a random number or adds a command, so that a run goes the same way with it, without it, and when it is
 * replayed. That is why the run's span is made here and not by Temporal's own interceptor, which does the first two.
 */
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import {
  ContinueAsNew,
  proxySinks,
  type Sink,
  type Sinks,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow';
import {
  formatTraceParent,
  parseTraceParent,
  REQUEST_HEADER,
  type RunSpan,
  runSpan,
  runSpanId,
  TRACE_HEADER,
  type TraceParent,
} from '../domain/tracing/run-span.ts';

/** What leaves the sandbox. */
interface RunSinks extends Sinks {
  exporter: Sink & { export(spans: RunSpan[]): void };
}

type Headers = Record<string, Payload>;

const { exporter } = proxySinks<RunSinks>();

/** Called by the SDK once per run. */
export function interceptors(): WorkflowInterceptors {
  let handedOn: Headers = {};
  let requestId: string | undefined;

  const withHeaders = <Input extends { headers: Headers }>(input: Input): Input => ({
    ...input,
    headers: { ...input.headers, ...handedOn },
  });

  return {
    inbound: [
      {
        execute(input, next) {
          const { runId, workflowType, workflowId } = workflowInfo();
          const parent = traceParentOf(input.headers);
          requestId = textOf(input.headers[REQUEST_HEADER]);
          handedOn = {
            ...only(input.headers, REQUEST_HEADER),
            ...(parent === undefined ? {} : { [TRACE_HEADER]: traceHeader({ ...parent, spanId: runSpanId(runId) }) }),
          };
          const result = next(input);
          if (parent !== undefined && (parent.traceFlags & 1) === 1) {
            const startedAt = Date.now();
            const ended = (succeeded: boolean) =>
              exporter.export([
                runSpan({ workflowType, workflowId, runId, parent, startedAt, endedAt: Date.now(), succeeded }),
              ]);
            result.then(
              () => ended(true),
              (error: unknown) => ended(error instanceof ContinueAsNew),
            );
          }
          return result;
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(withHeaders(input)),
        scheduleLocalActivity: (input, next) => next(withHeaders(input)),
        startChildWorkflowExecution: (input, next) => next(withHeaders(input)),
        continueAsNew: (input, next) => next(withHeaders(input)),
        getLogAttributes: (input, next) => next(requestId === undefined ? input : { ...input, requestId }),
      },
    ],
  };
}

function only(headers: Headers, name: string): Headers {
  const value = headers[name];
  return value === undefined ? {} : { [name]: value };
}

function traceParentOf(headers: Headers): TraceParent | undefined {
  const carrier = decoded(headers[TRACE_HEADER]);
  if (typeof carrier !== 'object' || carrier === null || !('traceparent' in carrier)) return undefined;
  return parseTraceParent(carrier.traceparent);
}

function traceHeader(parent: TraceParent): Payload {
  return defaultPayloadConverter.toPayload({ traceparent: formatTraceParent(parent) });
}

function textOf(payload: Payload | undefined): string | undefined {
  const value = decoded(payload);
  return typeof value === 'string' ? value : undefined;
}

/** Headers are what whoever started the run sent: one that cannot be read is none. */
function decoded(payload: Payload | undefined): unknown {
  if (payload === undefined) return undefined;
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return undefined;
  }
}
