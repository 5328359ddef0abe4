import { judge, type Verdict } from '../../../domain/monitoring/judge.ts';
import { lookAt } from '../../../domain/monitoring/look.ts';
import type { HostCheck } from '../../../domain/services.ts';
import { listWatchedInstances, recordHealth, type WatchedInstance } from '../../../store/instance-health.ts';
import type { ControlDeps } from '../deps.ts';
import type { StateChange } from '../types.ts';
import { reportUnknown } from './report-unknown.ts';

/**
 * Judges every instance by what its host said, and records it. A repeated call changes nothing: what is on record is not
 * older than these looks any more.
 */
export async function recordHostChecks(
  deps: ControlDeps,
  input: { hosts: HostCheck[] },
): Promise<{ changed: StateChange[] }> {
  deps.hostsChecked?.(input.hosts);
  const checks = new Map(input.hosts.map((check) => [check.hostId, check]));
  const watched = await listWatchedInstances(deps.db);
  reportUnknown(deps, { hosts: input.hosts, known: new Set(watched.map(({ id }) => id)) });
  const judged = watched.flatMap((instance) => {
    const check = checks.get(instance.hostId);
    // A host that was not asked joined a moment ago, or never: its instances are looked at next time.
    if (check === undefined) return [];
    const look = lookAt({ instanceId: instance.id, hostId: instance.hostId }, check);
    const verdict = judge(instance, look, { lookedAt: new Date(check.checkedAt), ...deps.monitor });
    return verdict === undefined ? [] : [{ instance, verdict }];
  });
  const recorded = await recordHealth(
    deps.db,
    judged.map(({ instance: { id, rowVersion }, verdict: { state, error, status } }) => ({
      id,
      rowVersion,
      state,
      error,
      status,
    })),
  );
  const changed = judged.flatMap(({ instance, verdict }) =>
    recorded.has(instance.id) ? changeOf(instance, verdict) : [],
  );
  for (const { to, ...change } of changed) {
    deps.log[to === 'failed' ? 'warn' : 'info']({ ...change, to }, `a service is ${to}`);
  }
  return { changed };
}

function changeOf(instance: WatchedInstance, { state, reason }: Verdict): StateChange[] {
  if (reason === undefined) return [];
  return [{ instanceId: instance.id, databaseId: instance.databaseId, from: instance.state, to: state, reason }];
}
