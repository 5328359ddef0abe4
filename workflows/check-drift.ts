import { locally } from './proxies.ts';
import { runServerTask } from './task-run.ts';

/** Looks for drift on a server because somebody asked. What is repaired is a task of its own. */
export function checkDrift(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runServerTask(input.taskId, async (run) => {
    const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
    await run.step('checkDrift', 'apply', (on) => on.checkDrift(task));
    await locally('record success').finishServerTask(task);
    run.progress.headline(`check drift on ${run.plan.subject}: completed`);
  });
}
