import { CancellationScope } from '@temporalio/workflow';
import type { PlannedInstance } from '../activities/control/types.ts';
import type { ServiceObservation } from '../domain/services.ts';
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
    if (plan.hasPostInit) await run.step('runPostInit', 'script', (on) => on.runPostInit(task));
    await run.step('createRoles', 'sql', (on) => on.createRoles(task));
    await run.step('createDatabase', 'sql', (on) => on.createDatabase(task));
    if (plan.hasPostDatabaseCreate) {
      await run.step('runPostDatabaseCreate', 'script', (on) => on.runPostDatabaseCreate(task));
    }
    await run.step('preflight', 'sql', (on) => on.preflight(task));
    await run.step('grantAccess', 'sql', (on) => on.grantAccess(task));
    const services = await startServices(run);
    // The point of no return: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(() => publish(run, services));
    run.progress.headline(`create database ${plan.databaseId}: completed`);
  });
}

async function publish(run: TaskRun, services: ServiceObservation[]): Promise<void> {
  const { plan, hostSteps } = run;
  await run.publish((on) => on.publishDatabase({ taskId: plan.taskId, epoch: plan.epoch, services, hostSteps }));
}

/** All hosts at once; every start has ended before the first error counts, so that undo meets no step still under way. */
async function startServices(run: TaskRun): Promise<ServiceObservation[]> {
  const { plan } = run;
  if (plan.instances.length === 0) return [];
  const { bundles } = await run.step('sealServices', 'bookkeeping', (on) =>
    on.sealServices({ taskId: plan.taskId, epoch: plan.epoch }),
  );
  const sealed = new Map(bundles.map((bundle) => [bundle.instanceId, bundle.sealedBundle]));
  const results = await Promise.allSettled(
    plan.instances.map((instance) => startOne(run, instance, sealed.get(instance.instanceId) ?? '')),
  );
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

async function startOne(run: TaskRun, instance: PlannedInstance, sealedBundle: string): Promise<ServiceObservation> {
  const input = instanceInput(run.plan, instance);
  const observation = await run.hostStep('startService', instance, (on) => on.startService({ ...input, sealedBundle }));
  await run.hostStep('awaitService', instance, (on) => on.awaitService({ ...input, timeoutMs: READY_TIMEOUT_MS }));
  return observation;
}
