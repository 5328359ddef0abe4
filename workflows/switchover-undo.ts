import { type ActivityInterfaceFor, sleep } from '@temporalio/workflow';
import type { SwitchoverPart, TaskFrame } from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { isHostUnavailable } from './failure-reason.ts';
import { UNDO_TIMEOUT_MS } from './policies.ts';
import { control, onHost } from './proxies.ts';

/** Adds to the schedule-to-start wait of each attempt. */
const PAUSE_MS = 1_000;

/**
 * Starts the primary again that a switchover has stopped. Where the promotion may have happened, the candidate's host is asked
 * first, and promotes nothing from then on: if it was promoted, the former primary follows it. Never are there two.
 */
export async function undoStopPrimary(plan: TaskFrame): Promise<void> {
  const task = { taskId: plan.taskId, epoch: plan.epoch };
  const onControl = (summary: string) => control('sql', { summary, budgetMs: UNDO_TIMEOUT_MS });
  const undo = await onControl('undo: was the standby promoted?').planSwitchoverUndo(task);
  if (undo === undefined) return;
  const { primary, candidate } = undo;
  const order = ({ instanceId, sealedOrder }: SwitchoverPart) => ({ instanceId, sealedOrder, taskId: plan.taskId });
  let promoted = false;
  if (undo.promotionBegun) {
    const found = await patiently(candidate, 'end the promotion', (on) => on.endPromotion(order(candidate)));
    promoted = !found.standby;
  }
  await patiently(primary, 'start the former primary', (on) =>
    promoted ? on.startStandby(order(primary)) : on.startPrimary(order(primary)),
  );
  await onControl('undo: note what was done').noteSwitchoverUndone({ ...task, promoted });
}

/** A host that does not answer is asked again, for as long as undo lasts: nobody else can start its server. */
async function patiently<T>(
  { hostId }: SwitchoverPart,
  what: string,
  call: (activities: ActivityInterfaceFor<HostActivities>) => Promise<T>,
): Promise<T> {
  const until = Date.now() + UNDO_TIMEOUT_MS;
  for (;;) {
    try {
      return await call(onHost(hostId, { summary: `undo: ${what}`, budgetMs: UNDO_TIMEOUT_MS }));
    } catch (error) {
      if (!isHostUnavailable(error) || Date.now() > until) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
