import { wakeLeases } from '../../platform/temporal/wake-leases.ts';
import { readClock } from '../../store/ending-leases.ts';
import type { LeaseRecord } from '../../store/leases.ts';
import type { LeaseDeps } from './deps.ts';

/** A clock that should have rung this long ago has stopped. */
const STOPPED_MS = 10_000;

/** Nobody waits for it: a Temporal that does not answer is no error of the caller's, the reconciler sees to it. */
export function wake(deps: LeaseDeps, serverName: string): void {
  void wakeLeases(deps.workflows, serverName, deps).catch((error: unknown) => {
    deps.log.warn({ err: error, server: serverName }, 'leases that are to end wait for the reconciler');
  });
}

/** Has the run of a server set its clock anew where a lease ends before it would ring. After the lease is on record. */
export function wakeForNewEnd(deps: LeaseDeps, { serverName, endsAt }: LeaseRecord): void {
  void readClock(deps.db, serverName).then(
    (wakesAt) => {
      const rings = wakesAt?.getTime() ?? Number.POSITIVE_INFINITY;
      if (endsAt.getTime() < rings || rings < Date.now() - STOPPED_MS) wake(deps, serverName);
    },
    (error: unknown) => deps.log.warn({ err: error, server: serverName }, 'the clock of leases could not be read'),
  );
}
