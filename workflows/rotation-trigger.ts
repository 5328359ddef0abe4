import { sleep, workflowInfo } from '@temporalio/workflow';
import { ROTATION_BUSY_FOR_MS } from './policies.ts';
import { locally } from './proxies.ts';

/**
 * Started by the schedule of a rotation: has the run accepted, which is a task like every other from then on. Waits for the opening of
 * the window, and within a bound for whatever else is under way; while it waits, further times of the schedule are skipped.
 */
export async function rotationTrigger(input: { rotationId: string }): Promise<{ outcome: string; taskId?: string }> {
  const { workflowId, searchAttributes } = workflowInfo();
  const [due] = (searchAttributes.TemporalScheduledStartTime ?? []) as (Date | string)[];
  const dueAt = due === undefined ? null : new Date(due).toISOString();
  let until: number | undefined;
  for (;;) {
    const giveUp = until !== undefined && Date.now() > until;
    const accept = { rotationId: input.rotationId, triggerId: workflowId, dueAt, giveUp };
    const { waitMs, ...answer } = await locally('accept the run').acceptRotation(accept);
    if (waitMs === 0) return answer;
    if (answer.outcome !== 'waits for its window') until ??= Date.now() + ROTATION_BUSY_FOR_MS;
    await sleep(waitMs);
  }
}
