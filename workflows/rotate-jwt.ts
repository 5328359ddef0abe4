import { continueAsNew, sleep } from '@temporalio/workflow';
import { createProgress } from './progress.ts';
import { locally } from './proxies.ts';

/** Looks of one run; a grace of weeks is one of them. */
const LOOKS_PER_RUN = 500;
/** A look that finds a task under way comes later each time. */
const SLOWEST_PAUSE_MS = 10_000;
const SLOWED_UNTIL_MS = 5_000;

/**
 * Sees a new JWT key of a service to its end: waits until the services know it, lets both keys count for as long as was asked for, and
 * has the former one taken away. The rows say how far it is; the grace is a timer that Temporal keeps.
 */
export async function rotateJwt(input: { rotationId: string }): Promise<{ end: string }> {
  const progress = createProgress('rotate JWT key');
  let slowedMs = 0;
  for (let looks = 0; looks < LOOKS_PER_RUN; looks += 1) {
    const look = await locally('how far is it?').lookAtJwtRotation(input);
    if (look.state === 'over') {
      progress.headline(`rotate JWT key: ${look.end}`);
      return { end: look.end };
    }
    progress.headline(`rotate JWT key: ${look.note}`);
    const isShort = look.forMs < SLOWED_UNTIL_MS;
    slowedMs = isShort ? Math.min(slowedMs + 100, SLOWEST_PAUSE_MS) : 0;
    await sleep(look.forMs + slowedMs, { summary: isShort ? 'look again' : 'both keys count' });
  }
  return continueAsNew<typeof rotateJwt>(input);
}
