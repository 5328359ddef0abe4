import { sleep } from '@temporalio/workflow';
import type { TaskFrame } from '../activities/control/types.ts';
import { runServerTask, type TaskRun } from './task-run.ts';

/** Sessions that may go on are counted this often: most end soon. */
const LOOK_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Drops a role and proves it. Everything is checked before the first change; then nobody gets in any more, sessions end, and only
 * then its rights are taken apart. Nothing is undone: a drop that does not come to its end leaves the role locked out and says
 * what is left, and the same request goes on from there.
 */
export function dropRole(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runServerTask(input.taskId, async (run) => {
    const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
    await run.step('previewDrop', 'sql', (on) => on.previewDrop(task));
    const { drainMs } = await run.step('lockOutRole', 'sql', (on) => on.lockOutRole(task));
    await drain(run, task, drainMs);
    await run.step('endSessionsOfRole', 'sql', (on) => on.endSessionsOfRole({ ...task, end: true }));
    await run.step('revokeFromRole', 'sql', (on) => on.revokeFromRole(task));
    await run.step('reassignOwned', 'apply', (on) => on.reassignOwned(task));
    await run.step('dropRole', 'apply', (on) => on.dropRole(task));
    await run.step('proveDropped', 'sql', (on) => on.proveDropped(task));
    await run.publish((on) => on.finishServerTask(task));
    run.progress.headline(`drop role on ${run.plan.subject}: completed`);
  });
}

/** Waits until no session is open, at most as long as was asked for. */
async function drain(run: TaskRun<TaskFrame>, task: { taskId: string; epoch: number }, drainMs: number): Promise<void> {
  const until = Date.now() + drainMs;
  for (let pauseMs = LOOK_PAUSE_MS; Date.now() < until; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const { open } = await run.step('endSessionsOfRole', 'sql', (on) => on.endSessionsOfRole({ ...task, end: false }));
    if (open === 0) return;
    await sleep(Math.max(1, Math.min(pauseMs, until - Date.now())));
  }
}
