import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { awaitReady } from '../await-ready.ts';
import { writeFiles } from '../bundle-for-host.ts';
import type { HostContext } from '../context.ts';
import { removeUnit } from '../remove-service.ts';
import { checkFiles } from './check-files.ts';
import type { ChangeWork, ServiceChange } from './service-change.ts';

/**
 * Time to end after having been told to: an idle PostgREST takes 0.02 to 0.1 s. One that executes a query waits for it
 * although its client was cut off, and meanwhile nobody serves; so it is killed soon.
 */
const END_MS = 500;

/**
 * Puts a new unit in the place of the old one, which stays beside, stopped. The new one is made and checked while the old
 * one serves. On the same port nobody serves from the end of the one until the other answers; on another port both do
 * for a while.
 */
export async function replace(context: HostContext, work: ChangeWork): Promise<NonNullable<ServiceChange['done']>> {
  const { runtime } = context;
  const { change, bundle, readyTimeoutMs, say, signal } = work;
  const { next, previous } = change;
  // Whatever is in the free slot was left there by a crash.
  await removeUnit(context, next.unit);
  await writeFiles(context, bundle, next);
  await runtime.create(next);
  if (!work.isProven) {
    say('checking the new configuration');
    await checkFiles(context, next, { timeoutMs: readyTimeoutMs, say, signal });
  }
  say(`starting PostgREST ${next.version} on ${next.address}:${next.port}`);
  return previous === undefined || collide(previous, next)
    ? await oneAfterTheOther(context, work)
    : await sideBySide(context, work, previous);
}

/** Whether both cannot run at once: a unit has its port, and its gateway the one above. */
export function collide(one: ServiceLaunch, other: ServiceLaunch): boolean {
  return Math.abs(one.port - other.port) <= 1;
}

/** How a unit is stopped within `drainMs` altogether. */
export function drain(drainMs: number): { quietMs: number; graceMs: number } {
  const graceMs = Math.min(END_MS, drainMs);
  return { quietMs: drainMs - graceMs, graceMs };
}

async function oneAfterTheOther(context: HostContext, { change, readyTimeoutMs, say, signal }: ChangeWork) {
  const { runtime, gateways } = context;
  const { next, previous, drainMs } = change;
  const stop =
    previous === undefined
      ? { killed: false, toldAt: performance.now() }
      : await runtime.stop(previous.unit, { ...drain(drainMs), signal });
  // Its gateway may have the port that the new one needs.
  if (previous !== undefined && previous.port !== next.port) await gateways.close(next.instanceId);
  await runtime.startAgain(next.unit);
  await gateways.open(next);
  const readyAt = await awaitReady(context, next, { timeoutMs: readyTimeoutMs, say, signal });
  return { readyAt, gapMs: Math.round(performance.now() - stop.toldAt), killed: stop.killed };
}

async function sideBySide(
  context: HostContext,
  { change, readyTimeoutMs, say, signal }: ChangeWork,
  previous: ServiceLaunch,
) {
  const { runtime, gateways } = context;
  const { next, drainMs } = change;
  await runtime.startAgain(next.unit);
  const readyAt = await awaitReady(context, next, { timeoutMs: readyTimeoutMs, say, signal });
  await gateways.open(next);
  const { killed } = await runtime.stop(previous.unit, { ...drain(drainMs), signal });
  return { readyAt, gapMs: 0, killed };
}
