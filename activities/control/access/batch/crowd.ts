import { cancellationSignal } from '@temporalio/activity';
import { type BatchRecord, claimMore } from '../../../../store/batches.ts';
import type { ServerWork } from '../../../../store/server-work.ts';
import type { ControlDeps } from '../../deps.ts';

/** Fewer are no crowd. */
const LEAST = 4;
/** How long a crowd is waited for: its requests go through the same process that waits for them. In milliseconds. */
const WAIT_MS = { least: 5, each: 3, most: 150 };
/** Most rounds without a wait after waits that were in vain. */
const MOST_SKIPPED = 8;

/** Callers whose requests ended together, and who ask again at about the same time. */
export interface Crowd {
  /** Waits for as many requests as have ended. @returns what was claimed */
  comesAgain(ended: number): Promise<ServerWork[]>;
}

/**
 * To begin with the first who asks again would make the others wait for a whole round: so the next round begins when as many
 * have come, or after a moment that grows with their number. Where fewer than half came, the next rounds begin without a wait.
 */
export function expectCrowds(deps: Pick<ControlDeps, 'db' | 'signals'>, batch: BatchRecord): Crowd {
  let skip = 0;
  let inVain = 0;
  return {
    async comesAgain(ended) {
      if (batch.lane === 'single' || ended < LEAST) return [];
      skip -= 1;
      if (skip >= 0) return [];
      const boundMs = Math.min(WAIT_MS.most, WAIT_MS.least + ended * WAIT_MS.each);
      const options = { signal: cancellationSignal(), count: ended };
      await deps.signals.next('requested', batch.serverName, boundMs, options).promise;
      const claimed = await claimMore(deps.db, batch);
      inVain = claimed.length < ended / 2 ? inVain + 1 : 0;
      skip = inVain === 0 ? 0 : Math.min(MOST_SKIPPED, 2 ** (inVain - 1));
      return claimed;
    },
  };
}
