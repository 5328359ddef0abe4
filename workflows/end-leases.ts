import { condition, continueAsNew, defineSignal, setHandler } from '@temporalio/workflow';
import { LEASE_LONGEST_SLEEP_MS, LEASE_ROUND_WITHIN_MS, LEASE_ROUNDS_PER_RUN } from './policies.ts';
import { control } from './proxies.ts';

/** There is something to be done earlier than was known. */
export const wakeSignal = defineSignal('wake');

/**
 * Ends the leases of one server, those that end together in one batch, and sleeps until the next one ends. When that is stands in the
 * rows of the leases: this run only keeps the time, and if it is lost another one takes its place.
 */
export async function endLeases(input: { serverName: string }): Promise<void> {
  let woken = false;
  setHandler(wakeSignal, () => {
    woken = true;
  });
  const on = control('leases', { summary: 'end leases whose time has come', budgetMs: LEASE_ROUND_WITHIN_MS });
  for (let round = 1; round <= LEASE_ROUNDS_PER_RUN; round += 1) {
    woken = false;
    const { nextMs } = await on.endDueLeases(input);
    if (nextMs === null && !woken) return;
    if (nextMs !== null && nextMs > 0) await condition(() => woken, Math.min(nextMs, LEASE_LONGEST_SLEEP_MS));
  }
  await continueAsNew<typeof endLeases>(input);
}
