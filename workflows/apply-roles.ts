import { locally } from './proxies.ts';
import { runServerTask } from './task-run.ts';

/**
 * Makes a server as a document asks. One activity locks, inspects, compares, applies and verifies: within a database it is one
 * transaction, over several the task's log lists what was applied. Nothing is undone; a second run converges.
 */
export function applyRoles(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runServerTask(input.taskId, async (run) => {
    const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
    const { loginsToProve } = await run.step('applyRoles', 'apply', (on) => on.applyRoles(task));
    if (loginsToProve) await run.step('proveLogins', 'sql', (on) => on.proveLogins(task));
    await locally('record success').finishServerTask(task);
    run.progress.headline(`apply roles on ${run.plan.subject}: completed`);
  });
}
