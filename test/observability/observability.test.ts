import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from '@temporalio/worker';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createLogger } from '../../platform/log.ts';
import { createMetrics } from '../../platform/metrics/metrics.ts';
import { afterCommit, createMetadataPool, inTransaction } from '../../store/connection.ts';
import type { Listener } from '../../worker/listen.ts';
import { observeDatabase, serveMetrics } from '../../worker/observability.ts';
import { until } from '../support/follow.ts';
import { freePort } from '../support/ports.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { type Collector, type ReceivedSpan, startCollector } from './support/collector.ts';
import { metricsIn, type NamedMetric } from './support/promql.ts';
import { readScrape, type Scrape } from './support/scrape.ts';

const CANARY = 'c4nary-observed-Password';
const REQUEST_ID = 'observed-request-1';
const FAILED_REQUEST_ID = 'observed-request-2';
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLERS_SPAN = '00f067aa0ba902b7';

let collector: Collector;
let stack: TestStack;
let listener: Listener;
let sdkPort: number;
let before: Scrape;
let after: Scrape;
let taskId: string;
let failedTaskId: string;

beforeAll(async () => {
  collector = await startCollector();
  sdkPort = await freePort();
  stack = await startTestStack({
    runtime: testRuntimes()[0] ?? 'process',
    observe: true,
    env: {
      PGSTEWARD_MONITOR_SECONDS: '1',
      PGSTEWARD_TEMPORAL_METRICS_LISTEN: `127.0.0.1:${sdkPort}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  });
  if (stack.observe === undefined) throw new Error('the stack does not observe');
  listener = await serveMetrics(stack.observe.metrics, { address: '127.0.0.1', port: 0 });
  before = await scrape();
  taskId = await provision('observed', {
    'X-Request-Id': REQUEST_ID,
    traceparent: `00-${TRACE_ID}-${CALLERS_SPAN}-01`,
  });
  failedTaskId = await provision('observed-failing', { 'X-Request-Id': FAILED_REQUEST_ID }, ['SELECT 1 / 0']);
  const role = await stack.call('PUT', '/v1/servers/host-1/roles/observed_role', { login: true, password: CANARY });
  expect(role).toMatchObject({ status: 200 });
  await stack.call('GET', '/v1/databases/no-such-database-here');
  await stack.call('GET', '/v1/no-such-path');
  after = await until(async () => {
    const now = await scrape();
    const settled =
      now.value('pgsteward_host_up', { host: 'host-1' }) === 1 &&
      now.value('pgsteward_databases', { state: 'failed' }) === 1;
    return settled ? now : undefined;
  });
});

afterAll(async () => {
  await listener?.stop();
  await stack?.stop();
  await collector?.stop();
});

async function scrape(): Promise<Scrape> {
  const response = await fetch(`${listener.url}/metrics`);
  expect(response.status).toBe(200);
  return readScrape(await response.text());
}

/** Asks for a database and waits for the end of its task. @returns the task's id */
async function provision(id: string, headers: Record<string, string>, postInit: string[] = []): Promise<string> {
  const request = seedRequest({
    id,
    port: stack.port(id === 'observed' ? 0 : 1),
    user: id.replaceAll('-', '_'),
    password: CANARY,
    scripts: { post_init: postInit },
  });
  const { status, body } = await stack.call('POST', '/v1/databases', request, headers);
  expect(status).toBe(200);
  const { task_id: task } = body.task;
  await until(async () => {
    const { body: shown } = await stack.call('GET', `/v1/databases/${id}/tasks/${task}`);
    return ['completed', 'failed'].includes(shown.status) ? true : undefined;
  }, 90_000);
  return task;
}

/** How much a counter has risen meanwhile. */
function rise(name: string, labels: Record<string, string>): number {
  return (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
}

describe('a scrape shows', () => {
  test('requests by the pattern of their route, and never a path', () => {
    expect(rise('pgsteward_http_requests_total', { method: 'POST', route: '/v1/databases', status: '200' })).toBe(2);
    expect(rise('pgsteward_http_request_duration_seconds_count', { method: 'POST', route: '/v1/databases' })).toBe(2);
    expect(rise('pgsteward_http_requests_total', { route: '/v1/databases/{database_id}', status: '404' })).toBe(1);
    expect(rise('pgsteward_http_requests_total', { route: '(none)', status: '404' })).toBe(1);
    expect(after.text).not.toMatch(/observed|no-such/);
  });

  test('tasks that were accepted and how they ended, each once', () => {
    expect(rise('pgsteward_tasks_accepted_total', { type: 'create' })).toBe(2);
    expect(rise('pgsteward_tasks_ended_total', { type: 'create', outcome: 'completed' })).toBe(1);
    expect(rise('pgsteward_tasks_ended_total', { type: 'create', outcome: 'failed' })).toBe(1);
    expect(rise('pgsteward_task_duration_seconds_count', { type: 'create' })).toBe(2);
    expect(rise('pgsteward_task_duration_seconds_sum', { type: 'create' })).toBeGreaterThan(0);
  });

  test('tasks that were carried out in a batch, too', () => {
    expect(rise('pgsteward_tasks_accepted_total', { type: 'change_role' })).toBe(1);
    expect(rise('pgsteward_tasks_ended_total', { type: 'change_role', outcome: 'completed' })).toBe(1);
  });

  test('steps on control worker and host, and failures by type', () => {
    expect(rise('pgsteward_steps_total', { step: 'createDatabase', outcome: 'completed' })).toBeGreaterThan(0);
    expect(rise('pgsteward_steps_total', { step: 'startService', outcome: 'completed' })).toBe(1);
    expect(rise('pgsteward_step_duration_seconds_count', { step: 'startService' })).toBe(1);
    expect(rise('pgsteward_step_failures_total', { failure: 'ScriptFailed' })).toBe(1);
  });

  test('what the connections are used for', () => {
    expect(after.value('pgsteward_metadata_connections_limit')).toBe(10);
    expect(after.value('pgsteward_metadata_connections')).toBeGreaterThan(0);
    expect(after.value('pgsteward_metadata_connections_waiting')).toBe(0);
    expect(after.value('pgsteward_target_connections_limit', { server: 'host-1' })).toBe(4);
    expect(after.value('pgsteward_target_connections', { server: 'host-1', state: 'reserved' })).toBeLessThanOrEqual(4);
  });

  test('what the metadata database knows', () => {
    expect(after.value('pgsteward_database_gauges_up')).toBe(1);
    expect(after.value('pgsteward_databases', { state: 'available' })).toBe(1);
    expect(after.value('pgsteward_databases', { state: 'degraded' })).toBe(0);
    expect(after.value('pgsteward_service_instances', { state: 'running' })).toBe(1);
    expect(after.value('pgsteward_hosts', { state: 'joined' })).toBe(1);
    expect(after.value('pgsteward_servers')).toBe(1);
    // Nobody seals in this installation.
    expect(after.value('pgsteward_audit_unsealed_rows')).toBeGreaterThan(3);
    expect(after.value('pgsteward_audit_oldest_unsealed_age_seconds')).toBeGreaterThan(0);
    expect(after.value('pgsteward_notification_deliveries', { state: 'pending' })).toBe(0);
  });

  test('no password', () => {
    expect(after.text).not.toContain(CANARY);
    expect(after.text).not.toContain('SCRAM-SHA-256$');
  });
});

test('what is rolled back is not counted', async () => {
  const told: string[] = [];
  const refused = inTransaction(stack.control.db, async () => {
    afterCommit(() => told.push('rolled back'));
    throw new Error('refused');
  });
  await expect(refused).rejects.toThrow('refused');
  await inTransaction(stack.control.db, async () => {
    afterCommit(() => told.push('committed'));
    expect(told).toEqual([]);
  });
  expect(told).toEqual(['committed']);
});

test('of a metadata database that does not answer nothing old is shown, and the scrape is answered', async () => {
  const metrics = createMetrics({ service: 'test' });
  const db = createMetadataPool({ ...stack.metadata, port: 1 });
  observeDatabase(metrics, db, createLogger({ level: 'silent', service: 'test' }));
  const scraped = readScrape(await metrics.text());
  expect(scraped.value('pgsteward_database_gauges_up')).toBe(0);
  expect(scraped.value('pgsteward_databases')).toBeUndefined();
  expect(scraped.value('pgsteward_servers')).toBeUndefined();
  await db.end();
});

test('without a collector nothing of OpenTelemetry but its interface is loaded', async () => {
  const script = `
    const { startObservability } = await import('./worker/observability.ts');
    const { readConfig } = await import('./platform/config/read-config.ts');
    await import('./worker/commands.ts');
    const { config } = readConfig(process.env);
    const log = { warn() {} };
    const { tracing } = await startObservability({ config, service: 'api', log });
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache);
    const parts = loaded.flatMap((path) => /node_modules\\/(@opentelemetry\\/[^/]+|@temporalio\\/interceptors[^/]*)/.exec(path)?.[1] ?? []);
    console.log(JSON.stringify({ traced: tracing !== undefined, parts: [...new Set(parts)] }));
    process.exit(0);`;
  const loadedWith = async (env: Record<string, string>) => {
    const args = ['--import', 'tsx', '--input-type=module', '-e', script];
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, env: { ...process.env, ...env } });
    return z.object({ traced: z.boolean(), parts: z.array(z.string()) }).parse(JSON.parse(stdout));
  };
  expect(await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toEqual({
    traced: false,
    parts: ['@opentelemetry/api'],
  });
  const on = await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  expect(on.traced).toBe(true);
  expect(on.parts).toContain('@opentelemetry/sdk-trace-base');
});

test('whoever supervises a process learns whether it does its work', async () => {
  let well = false;
  const { observe } = stack;
  if (observe === undefined) throw new Error('the stack does not observe');
  const watched = await serveMetrics(observe.metrics, { address: '127.0.0.1', port: 0 }, () => well);
  try {
    expect((await fetch(`${watched.url}/healthz`)).status).toBe(503);
    well = true;
    expect((await fetch(`${watched.url}/healthz`)).status).toBe(200);
  } finally {
    await watched.stop();
  }
});

test('only metrics are served, and only to be read', async () => {
  expect((await fetch(`${listener.url}/`)).status).toBe(404);
  expect((await fetch(`${listener.url}/metrics`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${listener.url}/metrics`)).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
});

test("the SDK's own metrics are served where they are asked for", async () => {
  const response = await fetch(`http://127.0.0.1:${sdkPort}/metrics`);
  const { series } = readScrape((await response.text()).replaceAll(/ \d{13}$/gm, ''));
  expect([...series.keys()].join('\n')).toMatch(/temporal_workflow_endtoend_latency/);
  expect([...series.keys()].join('\n')).toMatch(/temporal_activity_schedule_to_start_latency/);
});

describe('traces:', () => {
  let spans: ReceivedSpan[];

  beforeAll(async () => {
    // The collector hears of spans some seconds after their end.
    spans = await until(async () => {
      const now = collector.spans();
      const ended = now.filter(({ name }) => name === 'RunWorkflow:provisionDatabase');
      return ended.length === 2 && named(now, 'RunActivity:startService').length > 0 ? now : undefined;
    });
  });

  const named = (among: readonly ReceivedSpan[], name: string) => among.filter((span) => span.name === name);
  function only(name: string): ReceivedSpan {
    const [span, ...others] = named(
      spans.filter(({ traceId }) => traceId === TRACE_ID),
      name,
    );
    if (span === undefined || others.length > 0) throw new Error(`${others.length + 1} spans ${name}, not one`);
    return span;
  }

  test("one trace, the caller's own, leads from the request through the run to the steps on control worker and host", () => {
    const request = only('POST /v1/databases');
    const start = only('StartWorkflow:provisionDatabase');
    const run = only('RunWorkflow:provisionDatabase');
    expect(request.parentSpanId).toBe(CALLERS_SPAN);
    expect(start.parentSpanId).toBe(request.spanId);
    expect(run.parentSpanId).toBe(start.spanId);
    for (const step of ['beginTask', 'createDatabase', 'startService', 'publishDatabase']) {
      expect(only(`RunActivity:${step}`).parentSpanId).toBe(run.spanId);
    }
    expect(BigInt(run.endTimeUnixNano)).toBeGreaterThan(BigInt(run.startTimeUnixNano));
  });

  test('a request without a trace begins one, and its failed run and step are marked', () => {
    const failed = named(spans, 'RunWorkflow:provisionDatabase').find(({ traceId }) => traceId !== TRACE_ID);
    expect(failed?.status.code).toBe(2);
    const step = named(spans, 'RunActivity:runPostInit').find(({ traceId }) => traceId === failed?.traceId);
    expect(step?.status.code).toBe(2);
  });

  test('spans carry names and ids, and nothing else', () => {
    const keys = new Set(spans.flatMap(({ attributes }) => attributes.map(({ key }) => key)));
    expect([...keys].sort()).toEqual([
      'http.request.method',
      'http.response.status_code',
      'http.route',
      'pgsteward.request_id',
      'run_id',
      'temporalActivityId',
      'temporalWorkflowId',
    ]);
    expect(spans.flatMap(({ events, links }) => [...events, ...links])).toEqual([]);
    expect(spans.map(({ status }) => status.message ?? '').join('')).toBe('');
    expect(collector.text()).not.toContain(CANARY);
    expect(collector.text()).not.toMatch(/SCRAM-SHA-256|SELECT|division/);
  });

  test('what nobody asked for makes none', () => {
    expect(spans.map(({ name }) => name).join('\n')).not.toMatch(/monitorHosts|recordHostChecks|describeHost$/);
  });

  test('a traced run is replayed', async () => {
    const workflowId = `provision-database/observed/${taskId}`;
    const history = await stack.temporal.client.workflow.getHandle(workflowId).fetchHistory();
    const code = await readFile(inject('servers').workflowBundleFile, 'utf8');
    try {
      await Worker.runReplayHistory(
        { workflowBundle: { code }, dataConverter: stack.temporal.dataConverter },
        history,
        workflowId,
      );
    } finally {
      // A replay leaves its hooks on promises in the process, and those of Node.js 24 itself are not made for them.
      globalHandlers.uninstall();
    }
  });
});

describe('lines of the log', () => {
  const lineSchema = z.looseObject({ msg: z.string().optional() });
  async function lines(): Promise<z.infer<typeof lineSchema>[]> {
    const text = await stack.log();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => lineSchema.parse(JSON.parse(line)));
  }

  test('of a request name it, and the task that it has become', async () => {
    expect(await lines()).toContainEqual(
      expect.objectContaining({ msg: 'request', requestId: REQUEST_ID, taskId, method: 'POST', traceId: TRACE_ID }),
    );
  });

  test('of a step name task, request, run and trace, on control worker and host', async () => {
    const all = await lines();
    const workflowId = `provision-database/observed-failing/${failedTaskId}`;
    const ids = { taskId: failedTaskId, requestId: FAILED_REQUEST_ID, workflowId };
    expect(all).toContainEqual(expect.objectContaining({ msg: 'step failed', type: 'ScriptFailed', ...ids }));
    expect(all).toContainEqual(
      expect.objectContaining({
        msg: 'Activity completed',
        activityType: 'startService',
        requestId: REQUEST_ID,
        taskId,
      }),
    );
  });

  test('of a run name the request', async () => {
    expect(await lines()).toContainEqual(
      expect.objectContaining({
        workflowId: expect.stringContaining(taskId),
        requestId: REQUEST_ID,
        sdkComponent: 'worker',
      }),
    );
  });

  test('hold no password', async () => {
    expect(await stack.log()).not.toContain(CANARY);
  });
});

test('a task whose run is started late is for its request all the same', async () => {
  await stack.controlWorker.stop();
  const { workflows } = stack.api;
  const { start } = workflows;
  workflows.start = () => Promise.reject(new Error('Temporal does not answer'));
  const request = seedRequest({ id: 'late', port: stack.port(2), user: 'late_user', password: CANARY });
  const { body } = await stack.call('POST', '/v1/databases', request, { 'X-Request-Id': 'observed-request-3' });
  workflows.start = start;
  await stack.restartControlWorker();
  const late: string = body.task.task_id;
  await until(async () => {
    const text = await stack.log();
    const said = [late, '"activityType":"createDatabase"', '"requestId":"observed-request-3"'];
    return text.split('\n').some((line) => said.every((each) => line.includes(each))) ? true : undefined;
  }, 60_000);
});

describe('what ops/ brings along', () => {
  const alertsSchema = z.strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Pgsteward[A-Z]/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[smh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
            annotations: z.strictObject({ summary: z.string(), action: z.string() }),
          }),
        ),
      }),
    ),
  });
  const dashboardSchema = z.looseObject({
    uid: z.string(),
    title: z.string(),
    panels: z.array(
      z.looseObject({
        id: z.number(),
        title: z.string(),
        type: z.enum(['row', 'timeseries']),
        targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string() })).default([]),
      }),
    ),
  });
  const ops = (path: string) => readFile(new URL(`../../ops/${path}`, import.meta.url), 'utf8');

  /** Metrics that no process exports, and labels that no sample of theirs has. */
  function unknownIn(metrics: readonly NamedMetric[]): string[] {
    return metrics.flatMap(({ name, labels }) => {
      const known = after.series.get(name);
      if (known === undefined) return [name];
      // What has no samples yet has its labels in the table of its process.
      return known.size === 0 ? [] : labels.filter((label) => !known.has(label)).map((label) => `${name}{${label}}`);
    });
  }

  test('alert rules are of the right shape, and about what processes export', async () => {
    const { groups } = alertsSchema.parse(parse(await ops('prometheus/alerts.yml')));
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(8);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(rules.filter(({ expr }) => metricsIn(expr).length === 0)).toEqual([]);
    expect(unknownIn(rules.flatMap(({ expr }) => metricsIn(expr)))).toEqual([]);
  });

  test('the dashboard shows what processes export, all that is ours', async () => {
    const { panels } = dashboardSchema.parse(JSON.parse(await ops('grafana/pgsteward.json')));
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const shown = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr)));
    expect(unknownIn(shown)).toEqual([]);
    const names = new Set(shown.map(({ name }) => name.replace(/_bucket$/, '')));
    const own = [...after.text.matchAll(/^# TYPE (pgsteward_\S+)/gm)].map(([, name = '']) => name);
    expect(own.filter((name) => !names.has(name))).toEqual([]);
  });

  test.each([
    ['sum(rate(pgsteward_http_request_total[5m]))', 'pgsteward_http_request_total'],
    ['pgsteward_hosts{status="joined"}', 'pgsteward_hosts{status}'],
    ['max by (kind) (pgsteward_tasks_ended_total)', 'pgsteward_tasks_ended_total{kind}'],
  ])('in it this would be noticed: %s', (expression, noticed) => {
    expect(unknownIn(metricsIn(expression))).toEqual([noticed]);
  });
});
