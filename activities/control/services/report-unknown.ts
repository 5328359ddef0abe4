import type { HostCheck } from '../../../domain/services.ts';
import type { ControlDeps } from '../deps.ts';

/** How often each service without a record was seen; one map per process. */
const SEEN = new WeakMap<ControlDeps['db'], Map<string, number>>();
/** One look may fall into the end of a delete: whoever is seen twice in a row is there to stay. */
const REPORT_AT = 2;

/**
 * Logs services of this installation that run and are on record nowhere, as after the metadata database was restored from an older
 * copy: once each. Nothing else is done about them (R11).
 */
export function reportUnknown(
  { db, log }: Pick<ControlDeps, 'db' | 'log'>,
  input: { hosts: readonly HostCheck[]; known: ReadonlySet<string> },
): void {
  const before = SEEN.get(db) ?? new Map<string, number>();
  const now = new Map<string, number>();
  for (const { hostId, services = [] } of input.hosts) {
    for (const { instanceId } of services) {
      if (input.known.has(instanceId)) continue;
      const place = `${hostId}/${instanceId}`;
      const times = Math.min((before.get(place) ?? 0) + 1, REPORT_AT + 1);
      now.set(place, times);
      if (times !== REPORT_AT) continue;
      log.warn({ hostId, instanceId }, 'a service of this installation is on no record here: left alone');
    }
  }
  SEEN.set(db, now);
}
