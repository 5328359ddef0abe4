import { ScheduleAlreadyRunning, type ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { CONTROL_TASK_QUEUE } from '../domain/identifiers.ts';
import type { TemporalSession } from './temporal-session.ts';

/** A workflow that is run again and again, one run at a time. */
export interface RecurringWorkflow {
  scheduleId: string;
  workflowType: string;
  intervalMs: number;
  argument?: object;
  /** Longest that one run may take; without a bound a stuck one would keep all others from starting. */
  runTimeoutMs: number;
}

/** Makes sure that the schedule exists as it is described; every control worker does so at its start. */
export async function ensureSchedule({ client }: TemporalSession, wanted: RecurringWorkflow): Promise<void> {
  const options = {
    scheduleId: wanted.scheduleId,
    spec: { intervals: [{ every: wanted.intervalMs }] },
    action: {
      type: 'startWorkflow',
      workflowType: wanted.workflowType,
      workflowId: wanted.workflowType,
      taskQueue: CONTROL_TASK_QUEUE,
      args: wanted.argument === undefined ? [] : [wanted.argument],
      workflowExecutionTimeout: wanted.runTimeoutMs,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
  } satisfies ScheduleOptions;
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, action, policies } = options;
    await client.schedule.getHandle(wanted.scheduleId).update((previous) => ({ ...previous, spec, action, policies }));
  }
}
