import { withLogContext } from '../../platform/log-context.ts';
import { startBatch } from '../../platform/temporal/start-batch.ts';
import { type BatchRecord, openBatch } from '../../store/batches.ts';
import type { ApiDeps } from '../deps.ts';

/** Sees to it that requests which came in while a batch was under way are taken. */
export interface Dispatcher {
  /** After a request was committed. One look at a time per server: who comes meanwhile shares the next. */
  poke(serverName: string): Promise<void>;
}

/** One per API process. */
export function createDispatcher(deps: ApiDeps): Dispatcher {
  const looking = new Map<string, { again: boolean; done: Promise<void> }>();
  async function look(serverName: string, entry: { again: boolean }): Promise<void> {
    try {
      do {
        entry.again = false;
        const batch = await openBatch(deps.db, serverName);
        if (batch !== undefined) await startBatchRun(deps, batch);
      } while (entry.again);
    } catch (error) {
      deps.log.warn({ err: error, server: serverName }, 'collected requests wait for the reconciler');
    } finally {
      looking.delete(serverName);
    }
  }
  return {
    poke(serverName) {
      const current = looking.get(serverName);
      if (current !== undefined) {
        current.again = true;
        return current.done;
      }
      const entry = { again: false, done: Promise.resolve() };
      looking.set(serverName, entry);
      // On behalf of all whose requests are collected, not of the one that came first.
      entry.done = withLogContext({ server: serverName }, () => look(serverName, entry));
      return entry.done;
    },
  };
}

/** Starts the run of a batch; the reconciler starts it where Temporal does not answer. */
async function startBatchRun(
  deps: Pick<ApiDeps, 'workflows' | 'taskQueue' | 'eagerStart' | 'log'>,
  batch: BatchRecord,
): Promise<void> {
  try {
    await startBatch(deps.workflows, batch, { taskQueue: deps.taskQueue, eager: deps.eagerStart });
  } catch (error) {
    deps.log.warn({ err: error, batchId: batch.id }, 'Temporal did not take the start; the reconciler will start it');
  }
}
