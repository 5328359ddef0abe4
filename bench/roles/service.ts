import type { BenchStack } from '../stack.ts';
import { timed } from '../statistics.ts';
import { cpuMsSince } from './cpu.ts';

/** The control plane under measurement, through its HTTP API. */
export interface Service {
  /** @returns whether there is nothing to do */
  plan(document: unknown): Promise<{ empty: boolean; changes: number; ms: number; cpuMs: number }>;
  /** From the request until the task is completed. @throws Error when it ends otherwise */
  apply(document: unknown): Promise<Applied>;
}

/** An application of a document. */
export interface Applied {
  changes: number;
  /** From the request until the task was completed. */
  ms: number;
  /** Of these, what its steps took within the service. */
  stepMs: number;
  /** CPU time of the process meanwhile, with this client and the control plane's workers in it. */
  cpuMs: number;
}

interface Task {
  task_id: string;
  status: string;
  error?: string;
  result?: { applied?: { changes: number }[] };
}

/** One question, answered when the task ends; to ask again and again would cost the service what is measured here. */
const WAIT_SECONDS = 25;

export function createService(stack: BenchStack): Service {
  const server = `/v1/servers/${stack.config.host.id}`;

  async function completed({ task_id: id }: Task): Promise<Task> {
    for (;;) {
      const now = await stack.call<Task>('GET', `${server}/tasks/${id}?wait=${WAIT_SECONDS}`);
      if (now.status === 'completed') return now;
      if (now.status === 'failed' || now.status === 'canceled') throw new Error(`task ${id}: ${now.error}`);
    }
  }

  /** Time that the steps of a task took within the service. */
  async function stepMs(id: string): Promise<number> {
    const { entries } = await stack.call<{ entries: { fields?: { duration_ms?: number } }[] }>(
      'GET',
      `${server}/tasks/${id}/log`,
    );
    return entries.reduce((sum, { fields }) => sum + (fields?.duration_ms ?? 0), 0);
  }

  return {
    async plan(document) {
      const cpu = process.cpuUsage();
      const { result, ms } = await timed(() =>
        stack.call<{ empty: boolean; steps: { changes: number }[] }>('POST', `${server}/plan`, { document }),
      );
      const changes = result.steps.reduce((sum, step) => sum + step.changes, 0);
      return { empty: result.empty, changes, ms, cpuMs: cpuMsSince(cpu) };
    },
    async apply(document) {
      const cpu = process.cpuUsage();
      const { result, ms } = await timed(async () => {
        const { task } = await stack.call<{ task: Task }>('POST', `${server}/apply`, { document });
        return completed(task);
      });
      const cpuMs = cpuMsSince(cpu);
      return {
        changes: (result.result?.applied ?? []).reduce((sum, { changes }) => sum + changes, 0),
        ms,
        cpuMs,
        stepMs: await stepMs(result.task_id),
      };
    },
  };
}
