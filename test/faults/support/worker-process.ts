import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import type { Config } from '../../../platform/config/config.ts';
import type { MetadataConnection } from '../../../store/connection.ts';
import type { TestStack } from '../../support/stack.ts';
import type { FaultPoint } from './faults.ts';

/** What a worker process is told. Sent over its channel, because it holds a password. */
export interface WorkerOrders {
  config: Config;
  metadata: MetadataConnection;
  workflowBundleFile: string;
  /** The process kills itself once an activity has arrived at each of these. */
  killAt: FaultPoint[];
  /** These fail for good, once each. */
  failAt: FaultPoint[];
}

export type WorkerReport = { ready: true } | { failed: string };

/** Control and host worker of an installation, in a process of their own. */
export interface WorkerProcess {
  /** Resolves when it has killed itself. */
  killed: Promise<void>;
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** Bounds for hangs only. */
const START_MS = 60_000;
const KILL_MS = 90_000;

/** Starts the workers of a stack that was started without, and waits until the host has joined. */
export async function startWorkerProcess(
  stack: TestStack,
  faults: { killAt?: FaultPoint[]; failAt?: FaultPoint[] } = {},
): Promise<WorkerProcess> {
  const fixture = fileURLToPath(new URL('../fixtures/worker.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', fixture], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const orders: WorkerOrders = {
    config: stack.config,
    metadata: stack.metadata,
    workflowBundleFile: inject('servers').workflowBundleFile,
    killAt: faults.killAt ?? [],
    failAt: faults.failAt ?? [],
  };
  child.send(orders);
  const reported = once(child, 'message', { signal: AbortSignal.timeout(START_MS) });
  const [report] = (await Promise.race([reported, exited.then(() => [{ failed: 'it ended' }])])) as [WorkerReport];
  if ('failed' in report) throw new Error(`the worker process did not start: ${report.failed}`);

  async function signalled(): Promise<void> {
    const [, signal] = await exited;
    if (signal !== 'SIGKILL') throw new Error(`the worker process ended by ${signal ?? 'itself'}`);
  }
  return {
    get killed() {
      const late = once(AbortSignal.timeout(KILL_MS), 'abort').then(() => {
        child.kill('SIGKILL');
        throw new Error('the worker process did not arrive at all of its points');
      });
      return Promise.race([signalled(), late]);
    },
    async kill() {
      child.kill('SIGKILL');
      await signalled();
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
