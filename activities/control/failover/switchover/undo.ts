import { markUndone, stepsToUndo } from '../../../../store/journal.ts';
import { appendLog, beginUndo } from '../../../../store/tasks.ts';
import type { ControlDeps } from '../../deps.ts';
import type { SwitchoverOrders, TaskRef } from '../../types.ts';
import { loadParties, sealOrders } from './orders.ts';

/** See {@link ControlActivities.planSwitchoverUndo}. From here on the steps of the task change nothing (R9). */
export async function planSwitchoverUndo(
  deps: ControlDeps,
  { taskId }: TaskRef,
): Promise<(SwitchoverOrders & { promotionBegun: boolean }) | undefined> {
  if (!(await beginUndo(deps.db, taskId))) return undefined;
  const begun = new Set((await stepsToUndo(deps.db, taskId)).map(({ step }) => step));
  if (!begun.has('stopPrimary')) return undefined;
  const orders = await sealOrders(deps, await loadParties(deps, taskId));
  return { ...orders, promotionBegun: begun.has('promoteStandby') };
}

/** See {@link ControlActivities.noteSwitchoverUndone}. */
export async function noteSwitchoverUndone(
  deps: ControlDeps,
  { taskId, promoted }: TaskRef & { promoted: boolean },
): Promise<void> {
  const { record, primary } = await loadParties(deps, taskId);
  const steps = (await stepsToUndo(deps.db, taskId)).filter(({ step }) => step === 'stopPrimary');
  const message = promoted
    ? `${record.candidateHostId} had been promoted: ${primary.host.id} was started as its standby`
    : `undone: the primary on ${primary.host.id} runs again`;
  for (const { step, target } of steps) await markUndone(deps.db, { taskId, step, target }, message);
  if (promoted) await appendLog(deps.db, { taskId, entries: [{ message: 'the promotion stands' }] });
}
