import { recordHostTold } from '../../../store/failover.ts';
import type { ControlDeps } from '../deps.ts';

/** The services of a host have been told of a promotion. */
export async function noteHostTold(
  deps: ControlDeps,
  input: { serverName: string; hostId: string; timeline: number },
): Promise<void> {
  await recordHostTold(deps.db, input);
}
