import type { ChangeServiceInput } from '../../../domain/host-activities.ts';
import { otherUnit } from '../../../domain/services/units.ts';
import type { ChangedService, ChangeMode, ServiceBundle } from '../../../domain/services.ts';
import { applicationNameOf } from '../../../platform/runtime/application-name.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { awaitReady } from '../await-ready.ts';
import { assertPortsFree, launchOf, openBundle } from '../bundle-for-host.ts';
import type { HostContext } from '../context.ts';
import { assertCurrent } from '../fence.ts';
import { observation } from '../observation.ts';
import { type Progress, progress } from '../progress.ts';
import { startUnit } from '../start-unit.ts';
import { differenceOf } from './difference.ts';
import { reload } from './reload.ts';
import { replace } from './replace.ts';
import { rollBack } from './roll-back.ts';
import type { ServiceChange } from './service-change.ts';
import { finishChange } from './settle-service.ts';

const MODES = { reload, replace } as const;

/** See {@link HostActivities.changeService}. */
export async function changeService(context: HostContext, input: ChangeServiceInput): Promise<ChangedService> {
  const { records, runtime } = context;
  const { instanceId, readyTimeoutMs } = input;
  const bundle = await openBundle(context, input);
  const { version, image } = bundle;
  const { say, signal } = progress();
  return await context.inTurn(instanceId, async () => {
    await assertCurrent(context, input);
    const earlier = await outcomeOf(context, input, { say, signal });
    if (earlier !== undefined) return earlier;
    await endOlderChange(context, instanceId);
    await runtime.prepare({ version, ...(image !== undefined && { image }), progress: say, signal });
    signal.throwIfAborted();
    const { change, ...known } = await planChange(context, input, bundle);
    await assertPortsFree(context, change.next);
    await records.writeChange(change);
    try {
      const done = await MODES[change.mode](context, { change, bundle, ...known, readyTimeoutMs, say, signal });
      // Another worker process may have undone it while this one was making it.
      await assertCurrent(context, input);
      await records.write(change.next);
      await records.writeChange({ ...change, done });
      return await changedService(context, change, done);
    } catch (error) {
      await rollBack(context, change).catch((failed: unknown) => {
        context.log.error(
          { err: failed, instanceId },
          'a failed change could not be taken back yet: the keeper goes on',
        );
      });
      throw error;
    } finally {
      context.health.forget(instanceId);
    }
  });
}

/** What this change has come to, when an earlier attempt made it and its answer was lost. */
async function outcomeOf(
  context: HostContext,
  input: ChangeServiceInput,
  { say, signal }: Progress,
): Promise<ChangedService | undefined> {
  const [change, record] = await Promise.all([
    context.records.change(input.instanceId),
    context.records.read(input.instanceId),
  ]);
  const isDone = change === undefined ? record?.epoch === input.epoch : change.epoch === input.epoch && change.done;
  if (record === undefined || !isDone) return undefined;
  await startUnit(context, record);
  const readyAt = await awaitReady(context, record, { timeoutMs: input.readyTimeoutMs, say, signal, oldLog: true });
  const outcome = change ?? { mode: input.mode, next: record };
  return await changedService(context, outcome, change?.done ?? { readyAt, gapMs: 0, killed: false });
}

/** One that a crash has cut short is taken back; one that is done is final now that another follows it. */
async function endOlderChange(context: HostContext, instanceId: string): Promise<void> {
  const older = await context.records.change(instanceId);
  if (older === undefined) return;
  await (older.done === undefined ? rollBack(context, older) : finishChange(context, older));
}

async function planChange(
  context: HostContext,
  { taskId, epoch, drainMs, loginProven, ...input }: ChangeServiceInput,
  bundle: ServiceBundle,
): Promise<{ change: ServiceChange; isProven: boolean; loginProven: boolean }> {
  const previous = await context.records.read(input.instanceId);
  const difference = previous && (await differenceOf(context, bundle, previous));
  const wanted = difference?.canReload ? input.mode : 'replace';
  const mode = modeOf(context, wanted, bundle, previous);
  const unit = previous === undefined ? input.instanceId : mode === 'reload' ? previous.unit : otherUnit(previous);
  const next = launchOf(context, bundle, unit);
  const change = { taskId, epoch, mode, ...(previous !== undefined && { previous }), next, drainMs };
  const known = loginProven === true && difference?.isProvenWithLogin === true;
  const isProven = difference?.isProven === true || known;
  return { change, isProven, loginProven: known };
}

/** Only files can be read again: where anything else differs, a reload would leave it as it was. */
function modeOf(
  context: HostContext,
  wanted: ChangeMode,
  bundle: ServiceBundle,
  previous: ServiceLaunch | undefined,
): ChangeMode {
  if (previous === undefined || wanted === 'replace') return 'replace';
  const { taskId: _taskId, epoch: _epoch, ...now } = previous;
  const { taskId: _nextTaskId, epoch: _nextEpoch, ...then } = launchOf(context, bundle, previous.unit);
  return sorted(now) === sorted(then) ? 'reload' : 'replace';
}

function sorted(launch: object): string {
  return JSON.stringify(Object.entries(launch).sort(([one], [other]) => one.localeCompare(other)));
}

async function changedService(
  { runtime }: HostContext,
  { mode, next, previous }: Pick<ServiceChange, 'mode' | 'next' | 'previous'>,
  { readyAt, gapMs, killed }: NonNullable<ServiceChange['done']>,
): Promise<ChangedService> {
  const state = await runtime.inspect(next.unit);
  return {
    ...observation(state ?? (await runtime.start(next))),
    mode,
    readyAt,
    gapMs,
    ...(killed && previous !== undefined && { killedUnit: { applicationName: applicationNameOf(previous.unit) } }),
  };
}
