import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import { askRoot } from './ask-root.ts';
import type { HostContext } from './context.ts';

/** Above the `connect_timeout` of a service: a new pool may meet the server that hangs first. */
const ANSWERS_WITHIN_MS = 3_000;
const ASK_AGAIN_MS = 25;
/** What is under way in a service that does not answer waits for a server that does not either. */
const NO_GRACE = { graceMs: 0 };

/** See {@link HostActivities.nudgeServices}. */
export async function nudgeServices(
  context: HostContext,
  input: { instanceIds: readonly string[] },
): Promise<{ nudged: string[]; restarted: string[] }> {
  const here = (await context.records.list()).filter(({ instanceId }) => input.instanceIds.includes(instanceId));
  const outcomes = await Promise.all(
    here.map(({ instanceId }) => context.inTurn(instanceId, () => nudge(context, instanceId))),
  );
  return {
    nudged: here.map(({ instanceId }) => instanceId),
    restarted: outcomes.flatMap((restarted) => restarted ?? []),
  };
}

/** @returns the instance id if it had to be restarted */
async function nudge(context: HostContext, instanceId: string): Promise<string | undefined> {
  const { records, runtime, log } = context;
  // Read in its turn: a change may have moved the service to another unit.
  const launch = await records.read(instanceId);
  if (launch === undefined || (await runtime.inspect(launch.unit))?.running !== true) return undefined;
  await runtime.signal(launch.unit, 'SIGUSR1');
  if (await answers(launch)) return undefined;
  // Connections with a request under way stay in the pool, and one to a server that hangs has no end: its kernel still answers.
  log.warn(
    { instanceId },
    'a service does not answer after the promotion: its pool waits for a server that hangs; restarting it',
  );
  await runtime.stop(launch.unit, NO_GRACE);
  await runtime.startAgain(launch.unit);
  return instanceId;
}

async function answers(launch: ServiceLaunch): Promise<boolean> {
  const until = performance.now() + ANSWERS_WITHIN_MS;
  for (let leftMs = ANSWERS_WITHIN_MS; leftMs > 0; leftMs = until - performance.now()) {
    const answer = await askRoot(launch, { timeoutMs: leftMs });
    if (answer.state !== 'pending') return true;
    await delay(ASK_AGAIN_MS);
  }
  return false;
}
