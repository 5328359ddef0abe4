import { cancellationSignal } from '@temporalio/activity';
import { cancelRun } from '../../../platform/temporal/task-run.ts';
import { taskEnd } from '../../../store/completions.ts';
import { listPredecessors } from '../../../store/task-cancellation.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performStep } from '../step.ts';
import type { TaskRef } from '../types.ts';

/**
 * Longest wait for the undo of what a forced delete came upon. An undo asks a host that is down three times, 10 s each, and then
 * leaves a tombstone; the rest of it takes seconds. Below the step's own time-out, and half of the task's time at most.
 */
const UNDO_WITHIN_MS = 120_000;

/**
 * Cancels the tasks that were open when a forced delete was accepted, and waits until they are undone and closed. Since the
 * acceptance, which raised the epoch, their forward steps change nothing; their undo is not fenced. What is still open after the
 * bound is taken over: the delete removes what it made, and closes it (R9).
 */
export function endPredecessors(deps: ControlDeps, input: TaskRef): Promise<{ open: number }> {
  return performStep(deps, { ...input, step: 'endPredecessors' }, async ({ work }) => {
    const boundMs = Math.min(UNDO_WITHIN_MS, deps.taskTimeoutMs / 2);
    const tasks = await listPredecessors(deps.db, work);
    const ends = await Promise.all(
      tasks.map(async (task) => {
        await cancelRun(deps.workflows, task, deps);
        const wait = { taskId: task.id, boundMs, signal: cancellationSignal() };
        return { task, end: await taskEnd(deps, wait) };
      }),
    );
    await appendLog(deps.db, {
      taskId: work.taskId,
      entries: ends.map(({ task, end }) => ({
        message: `task ${task.id} (${task.type}) ${end === undefined ? 'is still being undone; going on without it' : `ended as ${end.status}`}`,
      })),
    });
    return { open: ends.filter(({ end }) => end === undefined).length };
  });
}
