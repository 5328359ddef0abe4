import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';
import { removeInstance } from './remove-service.ts';

/** What became of one recorded instance. */
export type Settlement = 'running' | 'started' | 'removed';

/**
 * Brings one recorded instance into the state that this host remembers for it: removed when a tombstone says so,
 * otherwise running, with its admin gateway.
 */
export async function settleInstance(context: HostContext, instanceId: string): Promise<Settlement> {
  return await context.inTurn(instanceId, async () => {
    const { records, gateways } = context;
    // Read again: what the caller saw may be gone by now.
    const [launch, tombstone] = await Promise.all([records.read(instanceId), records.tombstone(instanceId)]);
    if (launch === undefined) return 'removed';
    if (tombstone !== undefined && tombstone.epoch >= launch.epoch) {
      await removeInstance(context, tombstone);
      return 'removed';
    }
    const settlement = await ensureRunning(context, launch);
    await gateways.open(launch);
    return settlement;
  });
}

async function ensureRunning({ runtime, log }: HostContext, launch: ServiceLaunch): Promise<Settlement> {
  const { instanceId } = launch;
  const state = await runtime.inspect(instanceId);
  if (state?.running === true || state?.restarting === true) return 'running';
  log.warn({ instanceId, exists: state !== undefined }, 'a service that should run does not: starting it');
  await (state === undefined ? runtime.start(launch) : runtime.startAgain(instanceId));
  return 'started';
}
