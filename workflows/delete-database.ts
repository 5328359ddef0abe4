import { instanceInput } from './instance-input.ts';
import { settleAll } from './settle-all.ts';
import { runTask } from './task-run.ts';

/**
 * Removes a database with everything that was made for it. Retried, not undone: what is gone stays gone, and a delete
 * that failed is simply asked for again.
 */
export function deleteDatabase(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runTask(input.taskId, async (run) => {
    const { plan } = run;
    const task = { taskId: plan.taskId, epoch: plan.epoch };
    await settleAll(
      plan.instances.map((instance) =>
        run.hostStep('removeService', instance, (on) => on.removeService(instanceInput(plan, instance))),
      ),
    );
    await run.step('removeDatabase', 'sql', (on) => on.removeDatabase(task));
    await run.step('removeRoles', 'sql', (on) => on.removeRoles(task));
    await run.publish((on) => on.finishDelete({ ...task, hostSteps: run.hostSteps }));
    run.progress.headline(`delete database ${plan.databaseId}: completed`);
  });
}
