import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { RunSpan } from '../../domain/tracing/run-span.ts';
import type { Log } from '../log.ts';

/** What leaves the workflow sandbox. */
export type RunSinks = { exporter: { export(spans: RunSpan[]): void } };

/** A request as its span shows it. */
export interface TracedRequest {
  method: string;
  /** Pattern of the path. */
  route: string;
  requestId: string;
  /** Trace that the caller is in, as it sent it. */
  traceparent: string | undefined;
}

/** Where spans of a process go: requests, starts of runs, runs and steps. They carry names and ids only. */
export interface Tracing {
  /** Answers a request inside a span; `answer` resolves with its status. */
  request(request: TracedRequest, answer: () => Promise<number>): Promise<void>;
  /** Starts of runs that a trace leads to, and what tells the run its trace. */
  client: WorkflowClientInterceptor;
  /** Steps that belong to a trace; what nobody asked for, such as looks at hosts, makes no spans. */
  activity: ActivityInterceptorsFactory;
  /** Takes spans of runs out of the workflow sandbox. */
  sinks: InjectedSinks<RunSinks>;
  /** Sends what is left, within a bound. */
  stop(): Promise<void>;
}

/**
 * Exports spans over OTLP/HTTP to `<endpoint>/v1/traces`. OpenTelemetry is loaded by this call only, and once per process: its
 * context and propagation are global. What its own variables say (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, …) holds.
 */
export async function startTracing(options: {
  endpoint: string;
  service: string;
  version: string;
  log: Log;
}): Promise<Tracing> {
  const { createTracing } = await import('./open-telemetry.ts');
  return createTracing(options);
}
