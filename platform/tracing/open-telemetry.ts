import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import { TRACE_HEADER } from '../../domain/tracing/run-span.ts';
import type { Log } from '../log.ts';
import { addToLogContext } from '../log-context.ts';
import type { Tracing } from './tracing.ts';

/** For what is left at the end; the collector may be gone. */
const STOP_BOUND_MS = 3_000;
/** A collector that takes longer is not waited for. */
const EXPORT_TIMEOUT_MS = 5_000;

/** See `startTracing`. */
export function createTracing(options: { endpoint: string; service: string; version: string; log: Log }): Tracing {
  const { endpoint, service, version, log } = options;
  const resource = new Resource({
    'service.name': `pgsteward-${service}`,
    'service.version': version,
    'process.pid': process.pid,
  });
  const exporter = new OTLPTraceExporter({
    url: `${endpoint}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const processor = new BatchSpanProcessor(namesAndIdsOnly(exporter, log), { exportTimeoutMillis: EXPORT_TIMEOUT_MS });
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  // No baggage: what callers put there is not ours to pass on.
  provider.register({ propagator: new W3CTraceContextPropagator() });
  const tracer = provider.getTracer('pgsteward', version);
  const client = new OpenTelemetryWorkflowClientInterceptor({ tracer });

  return {
    request({ method, route, requestId, traceparent }, answer) {
      const parent = propagation.extract(context.active(), { traceparent });
      const attributes = {
        'http.request.method': method,
        'http.route': route,
        'pgsteward.request_id': requestId,
      };
      return tracer.startActiveSpan(
        `${method} ${route}`,
        { kind: SpanKind.SERVER, attributes },
        parent,
        async (span) => {
          addToLogContext({ traceId: span.spanContext().traceId });
          try {
            const status = await answer();
            span.setAttribute('http.response.status_code', status);
            if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          } finally {
            span.end();
          }
        },
      );
    },
    // Questions about runs are asked all the time, and some runs begin by themselves.
    client: {
      startWithDetails: (input, next) =>
        trace.getActiveSpan() === undefined ? next(input) : client.startWithDetails(input, next),
    },
    activity: (activity) => {
      const interceptor = new OpenTelemetryActivityInboundInterceptor(activity, { tracer });
      return {
        inbound: {
          execute(input, next) {
            if (input.headers[TRACE_HEADER] === undefined) return next(input);
            return interceptor.execute(input, (inner) => {
              const span = trace.getActiveSpan();
              if (span !== undefined) addToLogContext({ traceId: span.spanContext().traceId });
              return next(inner);
            });
          },
        },
      };
    },
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
    async stop() {
      const late = AbortSignal.timeout(STOP_BOUND_MS);
      await Promise.race([
        provider.shutdown().catch((error: unknown) => log.warn({ err: error }, 'the last spans could not be exported')),
        new Promise<void>((resolve) => late.addEventListener('abort', () => resolve(), { once: true })),
      ]);
    },
  };
}

/** Attributes that are exported. */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'pgsteward.request_id',
  'temporalWorkflowId',
  'temporalActivityId',
  'run_id',
]);

/**
 * Lets nothing through but names, times and the attributes above. The SDK adds the message and the stack of what was thrown to
 * spans; the log has those, made for it.
 */
function namesAndIdsOnly(exporter: SpanExporter, log: Log): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans.map(strip), (result) => {
        if (result.error !== undefined) log.warn({ err: result.error }, 'spans could not be exported');
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

function strip(span: ReadableSpan): ReadableSpan {
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    startTime: span.startTime,
    endTime: span.endTime,
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationLibrary: span.instrumentationLibrary,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    status: { code: span.status.code },
    attributes: Object.fromEntries(Object.entries(span.attributes).filter(([name]) => ATTRIBUTES.has(name))),
    events: [],
    links: [],
  };
}
