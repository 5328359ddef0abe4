import type { Worker } from '@temporalio/worker';
import { Failure } from '../domain/failures.ts';

/** A worker that polls. */
export interface RunningWorker {
  /** Whether it polls now. */
  isRunning(): boolean;
  /** Resolves when it has ended by itself, which it does only after a fatal error. */
  ended: Promise<void>;
  /** Takes no more work, waits for what runs within the worker's grace time, and ends. */
  stop(): Promise<void>;
}

/** Starts polling. */
export function runWorker(worker: Worker): RunningWorker {
  const ended = worker.run();
  // Whoever waits for `ended` hears of the failure; nobody else must crash over it.
  ended.catch(() => undefined);
  return {
    isRunning: () => worker.getState() === 'RUNNING',
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

/** Rejects when the worker ends by itself, naming it as `name`; asked of a worker that nobody has stopped yet. */
export async function endedByItself(name: string, worker: RunningWorker): Promise<never> {
  const message = `${name}: the Temporal worker has ended by itself; its log has the reason`;
  await worker.ended.catch((cause: unknown) => {
    throw new Failure('Unexpected', message, { cause });
  });
  throw new Failure('Unexpected', message);
}
