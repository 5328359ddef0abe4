import { continueAsNew, sleep } from '@temporalio/workflow';
import { locally } from './proxies.ts';

/** Rounds of one run: the history stays short, and the batch goes on in a new run. */
const ROUNDS_PER_RUN = 200;

/**
 * Carries out requests that were collected for a server. While they are carried out more come in: the next round takes those, so
 * that a busy server has one run at a time and many requests share one transaction.
 */
export async function changeRoles(input: { batchId: string }): Promise<{ rounds: number }> {
  for (let round = 1; round <= ROUNDS_PER_RUN; round += 1) {
    const { open, pauseMs } = await locally('carry out what was collected').performBatch(input);
    if (open === 0) return { rounds: round };
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return continueAsNew<typeof changeRoles>(input);
}
