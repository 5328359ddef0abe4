import type { StateChange } from '../activities/control/types.ts';
import { askHost } from './hosts.ts';
import { locally } from './proxies.ts';

/**
 * Asks all hosts, side by side, what runs on them, and records what that means for the instances. Run by a schedule, one at a
 * time; a host that does not answer holds up the others by seconds, and nothing by more.
 */
export async function monitorHosts(): Promise<{ changed: StateChange[] }> {
  const { hostIds } = await locally('which hosts are there?').listHostIds({});
  const hosts = await Promise.all(hostIds.map(askHost));
  return locally('judge and record').recordHostChecks({ hosts });
}
