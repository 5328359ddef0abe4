/** Header of runs and steps that tells their trace, as Temporal's own interceptors have it: JSON with a W3C `traceparent`. */
export const TRACE_HEADER = '_tracer-data';
/** Header that tells on behalf of which request a run and its steps are. */
export const REQUEST_HEADER = 'pgsteward-request-id';

/** Where in a trace something happens. */
export interface TraceParent {
  traceId: string;
  spanId: string;
  /** Bit 0: whether the trace is recorded. */
  traceFlags: number;
}

/** Reads a W3C `traceparent`; undefined where it is none. */
export function parseTraceParent(text: unknown): TraceParent | undefined {
  const [, traceId, spanId, flags] = TRACE_PARENT.exec(typeof text === 'string' ? text : '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export function formatTraceParent({ traceId, spanId, traceFlags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/**
 * Id of the span of a run. It follows from the run's id, which is random towards its end: so every worker that continues the run
 * knows it, and no random number of the run is used up.
 */
export function runSpanId(runId: string): string {
  const digits = runId.replaceAll('-', '').slice(-16);
  return /^(?!0+$)[0-9a-f]{16}$/.test(digits) ? digits : '0000000000000001';
}

/** The span of a run as it leaves the workflow sandbox; the shape is what Temporal's own exporter takes. */
export interface RunSpan {
  name: string;
  kind: number;
  spanContext: TraceParent;
  parentSpanId: string;
  startTime: [seconds: number, nanoseconds: number];
  endTime: [seconds: number, nanoseconds: number];
  duration: [seconds: number, nanoseconds: number];
  /** 1 in order, 2 an error. */
  status: { code: number };
  attributes: Record<string, string>;
  links: never[];
  events: never[];
  ended: boolean;
  droppedAttributesCount: number;
  droppedEventsCount: number;
  droppedLinksCount: number;
  instrumentationLibrary: { name: string };
}

/** Makes the span of a run that has ended. Times in milliseconds. */
export function runSpan(run: {
  workflowType: string;
  workflowId: string;
  runId: string;
  parent: TraceParent;
  startedAt: number;
  endedAt: number;
  succeeded: boolean;
}): RunSpan {
  const { workflowType, workflowId, runId, parent, startedAt, endedAt } = run;
  return {
    name: `RunWorkflow:${workflowType}`,
    kind: 0,
    spanContext: { ...parent, spanId: runSpanId(runId) },
    parentSpanId: parent.spanId,
    startTime: inParts(startedAt),
    endTime: inParts(endedAt),
    duration: inParts(Math.max(0, endedAt - startedAt)),
    status: { code: run.succeeded ? 1 : 2 },
    attributes: { temporalWorkflowId: workflowId, run_id: runId },
    links: [],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    instrumentationLibrary: { name: 'pgsteward' },
  };
}

function inParts(ms: number): [number, number] {
  return [Math.trunc(ms / 1000), Math.trunc(ms % 1000) * 1_000_000];
}
