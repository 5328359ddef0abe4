import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { awaitReady } from '../await-ready.ts';
import type { HostContext } from '../context.ts';
import { removeKeptFiles, removeUnit, removeUnits } from '../remove-service.ts';
import { readServiceDirectory, writeServiceDirectory } from '../service-directory.ts';
import { startUnit } from '../start-unit.ts';
import { applyFiles } from './apply-files.ts';
import { collide, drain } from './replace.ts';
import type { ServiceChange } from './service-change.ts';

/** A database that is up answers at once; one that is down is no reason to keep the new state. */
const READY_WITHIN_MS = 20_000;
/** A service that has not read what it had before by then is started anew. */
const RELOAD_TIMEOUT_MS = 10_000;
const STOP_GRACE_MS = 2_000;

/**
 * Brings back the state before a change, whatever of it has been done, and forgets the change. May run any number of times,
 * and be cut short at any point. The caller has the turn.
 */
export async function rollBack(context: HostContext, change: ServiceChange): Promise<void> {
  const { records, log } = context;
  const { previous, next } = change;
  const { instanceId } = next;
  log.warn({ instanceId, epoch: change.epoch, mode: change.mode }, 'the state before a change is brought back');
  if (previous === undefined) {
    await removeUnits(context, instanceId);
    return;
  }
  await (change.mode === 'reload' ? restoreFiles(context, previous) : restoreUnit(context, change, previous));
  await records.forgetChange(instanceId);
  context.health.forget(instanceId);
}

async function restoreFiles(context: HostContext, previous: ServiceLaunch): Promise<void> {
  const { records, runtime, gateways } = context;
  const { unit, directory } = previous;
  const kept = records.directory(unit, 'previous');
  await runtime.discardCheck(unit);
  // Without kept files, none were changed.
  const files = await readServiceDirectory(kept).catch(noneIfMissing);
  if (files !== undefined) await writeServiceDirectory(directory, files, runtime.fileOwner);
  await records.write(previous);
  if (files !== undefined && (await runtime.inspect(unit))?.running === true) {
    await applyFiles(context, previous, RELOAD_TIMEOUT_MS).catch(async (error: unknown) => {
      context.log.warn({ err: error, unit }, 'restored files were not reloaded: the service is started anew');
      await runtime.stop(unit, { graceMs: STOP_GRACE_MS });
    });
  }
  await startUnit(context, previous);
  await gateways.open(previous);
  await lookWhetherReady(context, previous);
  await removeKeptFiles(context, unit);
}

async function restoreUnit(
  context: HostContext,
  { next, drainMs, done }: ServiceChange,
  previous: ServiceLaunch,
): Promise<void> {
  const { records, runtime, gateways } = context;
  const onlyOne = collide(previous, next);
  const removeNext = async () => {
    // Clients of one that never became ready have nothing to lose.
    await runtime.stop(next.unit, done === undefined ? { graceMs: STOP_GRACE_MS } : drain(drainMs));
    await removeUnit(context, next.unit);
  };
  if (onlyOne) {
    await removeNext();
    if (previous.port !== next.port) await gateways.close(next.instanceId);
  }
  await records.write(previous);
  await startUnit(context, previous);
  await gateways.open(previous);
  await lookWhetherReady(context, previous);
  if (!onlyOne) await removeNext();
}

/** It runs again, which is all that this host can do; its health tells the rest. */
async function lookWhetherReady(context: HostContext, launch: ServiceLaunch): Promise<void> {
  const wait = { timeoutMs: READY_WITHIN_MS, say: () => undefined, oldLog: true };
  await awaitReady(context, launch, wait).catch((error: unknown) => {
    context.log.error({ err: error, instanceId: launch.instanceId }, 'a restored service does not answer yet');
  });
}

function noneIfMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
