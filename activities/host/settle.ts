import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import { rollBack } from './change/roll-back.ts';
import type { HostContext } from './context.ts';
import { removeInstance } from './remove-service.ts';
import { startUnit } from './start-unit.ts';

/** What became of one recorded instance. */
export type Settlement = 'running' | 'started' | 'restored' | 'removed';

/**
 * Brings one recorded instance into the state that this host remembers for it: removed when a tombstone says so,
 * otherwise running, with its admin gateway. A change that a crash has cut short, or that was undone meanwhile, is taken
 * back: whoever wanted it asks again.
 */
export async function settleInstance(context: HostContext, instanceId: string): Promise<Settlement> {
  return await context.inTurn(instanceId, async () => {
    const { records, gateways } = context;
    // Read again: what the caller saw may be gone by now.
    const [launch, change, tombstone] = await Promise.all([
      records.read(instanceId),
      records.change(instanceId),
      records.tombstone(instanceId),
    ]);
    const newest = Math.max(launch?.epoch ?? 0, change?.epoch ?? 0);
    if (tombstone !== undefined && tombstone.restore === undefined && tombstone.epoch >= newest) {
      await removeInstance(context, tombstone);
      return 'removed';
    }
    const undone = tombstone?.restore === true && tombstone.epoch === change?.epoch;
    if (change !== undefined && (undone || change.done === undefined)) {
      await rollBack(context, change);
      return 'restored';
    }
    if (launch === undefined) return 'removed';
    const settlement = await ensureRunning(context, launch);
    await gateways.open(launch);
    return settlement;
  });
}

async function ensureRunning(context: HostContext, launch: ServiceLaunch): Promise<Settlement> {
  const { instanceId, unit } = launch;
  const state = await context.runtime.inspect(unit);
  if (state?.running === true || state?.restarting === true) return 'running';
  context.log.warn({ instanceId, exists: state !== undefined }, 'a service that should run does not: starting it');
  await startUnit(context, launch);
  return 'started';
}
