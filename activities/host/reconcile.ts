import type { ServiceObservation, Tombstone } from '../../domain/services.ts';
import type { HostContext } from './context.ts';
import { observation } from './observation.ts';
import { removeInstance } from './remove-service.ts';
import { type Settlement, settleInstance } from './settle.ts';

/** Outcome of {@link reconcileHost}, by instance id. */
export interface Reconciliation extends Record<Settlement, string[]> {
  /** Could not be settled now; the keeper tries again. */
  failed: { instanceId: string; reason: string }[];
  /** Carry this installation's id, but this host has no record of them: left alone, for a person to judge (R10, R11). */
  unknown: ServiceObservation[];
}

/**
 * Puts the host in order after a start of its worker, before it takes work: removals first (those that this host
 * remembers, and `tombstones` from the control side), then recorded instances are adopted or started again.
 * One instance that fails does not hold up the others.
 */
export async function reconcileHost(context: HostContext, tombstones: readonly Tombstone[]): Promise<Reconciliation> {
  const { records, runtime, log } = context;
  const result: Reconciliation = { running: [], started: [], restored: [], removed: [], failed: [], unknown: [] };
  const attempt = async (instanceId: string, settle: () => Promise<Settlement>) => {
    try {
      result[await settle()].push(instanceId);
    } catch (error) {
      log.error({ err: error, instanceId }, 'an instance could not be settled');
      result.failed.push({ instanceId, reason: error instanceof Error ? error.message : String(error) });
    }
  };

  await records.pruneTombstones(new Date());
  for (const tombstone of tombstones) await records.bury(tombstone);
  for (const instanceId of await records.ids()) {
    await attempt(instanceId, () => settleInstance(context, instanceId));
  }

  const recorded = new Set(await records.ids());
  const listed = await runtime.list().catch((error: unknown) => {
    log.error({ err: error }, 'what runs on this host cannot be listed');
    return [];
  });
  for (const state of listed.filter(({ instanceId }) => !recorded.has(instanceId))) {
    const tombstone = await records.tombstone(state.instanceId);
    if (tombstone === undefined || tombstone.restore === true) result.unknown.push(observation(state));
    else await attempt(state.instanceId, () => context.inTurn(state.instanceId, () => complete(context, tombstone)));
  }
  for (const { instanceId, containerId } of result.unknown) {
    log.warn({ instanceId, containerId }, 'a service of this installation runs here without a record: left alone');
  }
  return result;
}

async function complete(context: HostContext, tombstone: Tombstone): Promise<'removed'> {
  await removeInstance(context, tombstone);
  return 'removed';
}

/** Stops every recorded instance without removing it: the next start of the host brings them back. */
export async function stopServices(context: HostContext, options: { graceMs: number }): Promise<void> {
  await context.gateways.closeAll();
  const launches = await context.records.list();
  await Promise.all(
    launches.map(({ instanceId, unit }) => context.inTurn(instanceId, () => context.runtime.stop(unit, options))),
  );
}
