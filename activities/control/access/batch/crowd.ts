import { cancellationSignal } from '@temporalio/activity';
import { createCrowdPatience } from '../../../../domain/crowd-patience.ts';
import { type BatchRecord, claimMore } from '../../../../store/batches.ts';
import type { ServerWork } from '../../../../store/server-work.ts';
import type { ControlDeps } from '../../deps.ts';

/** Callers whose requests ended together, and who ask again at about the same time. */
export interface Crowd {
  /** Waits for as many requests as have ended. @returns what was claimed */
  comesAgain(ended: number): Promise<ServerWork[]>;
}

/**
 * To begin with the first who asks again would make the others wait for a whole round: so the next round begins when as many
 * have come, or after a moment that grows with their number.
 */
export function expectCrowds(deps: Pick<ControlDeps, 'db' | 'signals'>, batch: BatchRecord): Crowd {
  const patience = createCrowdPatience();
  return {
    async comesAgain(ended) {
      const boundMs = batch.lane === 'single' ? undefined : patience.boundFor(ended);
      if (boundMs === undefined) return [];
      const options = { signal: cancellationSignal(), count: ended };
      await deps.signals.next('requested', batch.serverName, boundMs, options).promise;
      const claimed = await claimMore(deps.db, batch);
      patience.learn(claimed.length, ended);
      return claimed;
    },
  };
}
