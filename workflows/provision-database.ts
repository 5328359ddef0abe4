import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { PlannedInstance } from '../activities/control/types.ts';
import type { ServiceObservation } from '../domain/services.ts';
import { settleAll } from './settle-all.ts';
import { runTask, type TaskRun } from './task-run.ts';
import { instanceInput } from './undo.ts';

/** PostgREST answers within a fraction of a second; the bound covers a slow first connection. */
const READY_TIMEOUT_MS = 60_000;

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
      sealServices(run),
      run.step('grantAccess', 'sql', (on) => on.grantAccess(task)),
    ]);
    const services = await settleAll(plan.instances.map((instance) => startOne(run, instance, bundles)));
    // An activity that ended well in spite of a cancellation hides it, and what follows is shielded from it.
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before publication');
    // The point of no return: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(() => publish(run, services));
    run.progress.headline(`create database ${plan.databaseId}: completed`);
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

/** Sealed bundles by instance id; nothing to do without services. */
async function sealServices(run: TaskRun): Promise<Map<string, string>> {
  const { plan } = run;
  if (plan.instances.length === 0) return new Map();
  const { bundles } = await run.step('sealServices', 'bookkeeping', (on) =>
    on.sealServices({ taskId: plan.taskId, epoch: plan.epoch }),
  );
  return new Map(bundles.map((bundle) => [bundle.instanceId, bundle.sealedBundle]));
}

async function startOne(
  run: TaskRun,
  instance: PlannedInstance,
  bundles: ReadonlyMap<string, string>,
): Promise<ServiceObservation> {
  const input = instanceInput(run.plan, instance);
  const sealedBundle = bundles.get(instance.instanceId) ?? '';
  const observation = await run.hostStep('startService', instance, (on) => on.startService({ ...input, sealedBundle }));
  await run.hostStep('awaitService', instance, (on) => on.awaitService({ ...input, timeoutMs: READY_TIMEOUT_MS }));
  return observation;
}
