import { control } from './proxies.ts';

/** Tasks younger than this are left to the process that accepted them. */
const GRACE_MS = 3_000;

/** Starts what was accepted and never started, and cleans up after runs that are gone. Run by a schedule and at start-up. */
export function reconcile(input: { olderThanMs?: number }): Promise<{ started: string[]; cleanups: string[] }> {
  return control('bookkeeping', { summary: 'compare open tasks with runs', budgetMs: 60_000 }).reconcileTasks({
    olderThanMs: input.olderThanMs ?? GRACE_MS,
  });
}
