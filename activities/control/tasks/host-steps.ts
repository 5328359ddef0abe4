import type { Queryable } from '../../../store/connection.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { HostStepReport } from '../types.ts';

/** Host workers cannot write the log; what the workflow saw of their steps is written with the task's end. */
export async function logHostSteps(db: Queryable, taskId: string, steps: readonly HostStepReport[]): Promise<void> {
  await appendLog(db, {
    taskId,
    entries: steps.map((step) => ({
      message: `finished: ${step.title}`,
      at: new Date(Date.parse(step.startedAt) + step.durationMs).toISOString(),
      fields: { duration_ms: step.durationMs, success: true },
    })),
  });
}
