import type { DriftReport } from '../activities/control/types.ts';
import { DRIFT_LOOK_BUDGET_MS, DRIFT_PARALLEL } from './policies.ts';
import { control, locally } from './proxies.ts';

/**
 * Looks for drift on the servers whose time has come, a few at a time. Run by a schedule, one at a time; a server that does not
 * answer takes its bound and nobody else's.
 */
export async function watchDrift(): Promise<{ looked: DriftReport[] }> {
  const { serverNames } = await locally('which servers are due?').listDriftDue({});
  const looked: DriftReport[] = [];
  let next = 0;
  async function lookOn(): Promise<void> {
    for (let serverName = serverNames[next++]; serverName !== undefined; serverName = serverNames[next++]) {
      try {
        const call = { summary: `look at ${serverName}`, budgetMs: DRIFT_LOOK_BUDGET_MS };
        looked.push(await control('apply', call).lookForDrift({ serverName }));
      } catch {
        // The next run tries again: it stays due. The reason is in this run's history.
      }
    }
  }
  await Promise.all(Array.from({ length: DRIFT_PARALLEL }, lookOn));
  return { looked };
}
