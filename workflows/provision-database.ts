import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { ServiceObservation } from '../domain/services.ts';
import { startOne } from './change-services.ts';
import { sealServices } from './seal-services.ts';
import { settleAll } from './settle-all.ts';
import { runTask, type TaskRun } from './task-run.ts';

/**
 * Makes a database with its users, grants and PostgREST services, as accepted under `taskId`. On failure or
 * cancellation nothing that this run made is left.
 */
export function provisionDatabase(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  return runTask(input.taskId, async (run) => {
    const { plan } = run;
    const task = { taskId: plan.taskId, epoch: plan.epoch };
    await settleAll([makeRoles(run), run.step('createDatabase', 'sql', (on) => on.createDatabase(task))]);
    if (plan.hasPostDatabaseCreate) {
      await run.step('runPostDatabaseCreate', 'script', (on) => on.runPostDatabaseCreate(task));
    }
    const [bundles] = await settleAll([
      sealServices(run, plan.instances),
      run.step('grantAccess', 'sql', (on) => on.grantAccess(task)),
    ]);
    const services = await settleAll(plan.instances.map((instance) => startOne(run, instance, bundles)));
    // An activity that ended well in spite of a cancellation hides it, and what follows is shielded from it.
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before publication');
    // The point of no return: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(() => publish(run, services));
    run.progress.headline(`${plan.type} database ${plan.databaseId}: completed`);
  });
}

async function publish(run: TaskRun, services: ServiceObservation[]): Promise<void> {
  const { plan, hostSteps } = run;
  await run.publish((on) => on.publishDatabase({ taskId: plan.taskId, epoch: plan.epoch, services, hostSteps }));
}

/** Scripts first: `post_init` is the place to make roles that users of the specification are granted. */
async function makeRoles(run: TaskRun): Promise<void> {
  const task = { taskId: run.plan.taskId, epoch: run.plan.epoch };
  if (run.plan.hasPostInit) await run.step('runPostInit', 'script', (on) => on.runPostInit(task));
  await run.step('createRoles', 'sql', (on) => on.createRoles(task));
}
