import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** An answered request. `route` is the pattern of the path, never the path itself. */
export interface AnsweredRequest {
  method: string;
  route: string;
  status: number;
  seconds: number;
}

/** One attempt of an activity. */
export interface StepAttempt {
  step: string;
  outcome: 'completed' | 'failed' | 'cancelled';
  /** Type of the failure, where it failed. */
  failure?: string;
  /** Which attempt it was, from 1. */
  attempt: number;
  seconds: number;
}

/** A task that was closed. */
export interface ClosedTask {
  type: string;
  outcome: string;
  /** Since its acceptance. */
  seconds: number;
}

/** The numbers of one process, in the form that Prometheus reads. They hold names of routes, steps, servers and hosts, and no secrets. */
export interface Metrics {
  readonly registry: Registry;
  requestAnswered(request: AnsweredRequest): void;
  stepEnded(step: StepAttempt): void;
  taskAccepted(type: string): void;
  taskEnded(task: ClosedTask): void;
  /** What is read at each scrape, before the answer is written. It handles its own errors. */
  onScrape(refresh: () => void | Promise<void>): void;
  /** The answer to a scrape. */
  text(): Promise<string>;
}

const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const TASK_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** One per process; `service` names it in every line, as the log does. */
export function createMetrics(options: { service: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const refreshes: (() => void | Promise<void>)[] = [];

  const requests = new Counter({
    name: 'pgsteward_http_requests_total',
    help: 'Requests that were answered.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'pgsteward_http_request_duration_seconds',
    help: 'Time until a request was answered.',
    labelNames: ['method', 'route'] as const,
    buckets: REQUEST_SECONDS,
    registers,
  });
  const accepted = new Counter({
    name: 'pgsteward_tasks_accepted_total',
    help: 'Tasks that this process has accepted.',
    labelNames: ['type'] as const,
    registers,
  });
  const ended = new Counter({
    name: 'pgsteward_tasks_ended_total',
    help: 'Tasks that this process has closed, by how they ended: completed, failed or canceled.',
    labelNames: ['type', 'outcome'] as const,
    registers,
  });
  const taskSeconds = new Histogram({
    name: 'pgsteward_task_duration_seconds',
    help: 'Time from the acceptance of a task to its end.',
    labelNames: ['type', 'outcome'] as const,
    buckets: TASK_SECONDS,
    registers,
  });
  const steps = new Counter({
    name: 'pgsteward_steps_total',
    help: 'Attempts of steps (activities), by how they ended: completed, failed or cancelled.',
    labelNames: ['step', 'outcome'] as const,
    registers,
  });
  const stepFailures = new Counter({
    name: 'pgsteward_step_failures_total',
    help: 'Attempts of steps that failed, by type of failure.',
    labelNames: ['step', 'failure'] as const,
    registers,
  });
  const stepRetries = new Counter({
    name: 'pgsteward_step_retries_total',
    help: 'Attempts of steps after the first one.',
    labelNames: ['step'] as const,
    registers,
  });
  const stepSeconds = new Histogram({
    name: 'pgsteward_step_duration_seconds',
    help: 'Duration of an attempt of a step.',
    labelNames: ['step'] as const,
    buckets: STEP_SECONDS,
    registers,
  });

  return {
    registry,
    requestAnswered({ method, route, status, seconds }) {
      requests.inc({ method, route, status });
      requestSeconds.observe({ method, route }, seconds);
    },
    stepEnded({ step, outcome, failure, attempt, seconds }) {
      steps.inc({ step, outcome });
      stepSeconds.observe({ step }, seconds);
      if (failure !== undefined) stepFailures.inc({ step, failure });
      if (attempt > 1) stepRetries.inc({ step });
    },
    taskAccepted: (type) => accepted.inc({ type }),
    taskEnded({ type, outcome, seconds }) {
      ended.inc({ type, outcome });
      taskSeconds.observe({ type, outcome }, seconds);
    },
    onScrape: (refresh) => void refreshes.push(refresh),
    async text() {
      await Promise.all(refreshes.map((refresh) => refresh()));
      return registry.metrics();
    },
  };
}
