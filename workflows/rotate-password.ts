import { CancellationScope, CancelledFailure, sleep } from '@temporalio/workflow';
import type { RotationInstance, RotationPlan, TaskRef } from '../activities/control/types.ts';
import { READY_TIMEOUT_MS } from './change-services.ts';
import { UNDO_TIMEOUT_MS } from './policies.ts';
import { locally } from './proxies.ts';
import { settleAll } from './settle-all.ts';
import { runFramed, type TaskRun } from './task-run.ts';

type Run = TaskRun<RotationPlan>;

/** Sessions that may go on are counted this often: most end soon. */
const LOOK_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * One run of a rotation. Until the new password is the current one everything is taken back; afterwards the way is forward only.
 */
export function rotatePassword(input: { taskId: string }): Promise<{ outcome: 'completed' }> {
  const load = () => locally('load the accepted task').loadRotation(input);
  return runFramed<RotationPlan>(load, async (run) => {
    const { plan } = run;
    const task = { taskId: plan.taskId, epoch: plan.epoch };
    const measured = await (plan.rotation.strategy === 'alternating' ? alternate(run, task) : setInPlace(run, task));
    if (plan.rotation.calls) await run.step('callWebhooks', 'patient', (on) => on.callWebhooks(task));
    if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled before publication');
    // The point of no return: a cancellation that arrives now comes too late.
    await CancellationScope.nonCancellable(async () => {
      await run.publish((on) => on.publishRotation({ ...task, ...measured }));
      run.commit();
      await finishRotationForward(run);
    });
    run.progress.headline(`rotate password of ${plan.subject}: completed`);
  });
}

/** Both logins are valid until the former one is retired: nothing is in a hurry, and the services prove the new one themselves. */
async function alternate(run: Run, task: TaskRef): Promise<{ gapMs?: number }> {
  const bundles = await stage(run, task);
  const { position } = await run.step('prepareLogin', 'sql', (on) => on.prepareLogin(task));
  await run.step('proveRotation', 'sql', (on) => on.proveRotation({ ...task, position }));
  const gaps = await settleAll(run.plan.instances.map((instance) => change(run, task, instance, { bundles })));
  if (run.plan.rotation.tells) await run.step('updateConsumers', 'sql', (on) => on.updateConsumers(task));
  return gaps.length === 0 ? {} : { gapMs: Math.max(...gaps) };
}

/**
 * The former password is invalid as soon as the new one is set: everything is staged before, and services, consumers and proof come
 * at once and side by side.
 */
async function setInPlace(run: Run, task: TaskRef): Promise<{ windowMs?: number; gapMs?: number }> {
  const { instances, rotation } = run.plan;
  const bundles = await stage(run, task);
  const { position, setAtMs } = await run.step('setRolePassword', 'sql', (on) => on.setRolePassword(task));
  const [gaps] = await settleAll([
    settleAll(instances.map((instance) => change(run, task, instance, { bundles, loginProven: true }))),
    rotation.tells ? run.step('updateConsumers', 'sql', (on) => on.updateConsumers(task)) : Promise.resolve(),
    run.step('proveRotation', 'sql', (on) => on.proveRotation({ ...task, position })),
  ] as const);
  // Time that passed on this server's clock; the later end of the window is seen by this run, not by the services.
  const told = instances.length > 0 || rotation.tells;
  return told ? { windowMs: Math.max(0, Date.now() - setAtMs), gapMs: Math.max(0, ...gaps) } : {};
}

async function stage(run: Run, task: TaskRef): Promise<Map<string, string>> {
  const { instances } = run.plan;
  if (instances.length === 0) return new Map();
  const { bundles } = await run.step('sealRotation', 'bookkeeping', (on) => on.sealRotation(task));
  const sealed = new Map(bundles.map((bundle) => [bundle.instanceId, bundle.sealedBundle]));
  await settleAll(
    instances.map((instance) =>
      run.hostStep('stageService', instance, (on) =>
        on.stageService({ ...inputOf(task, instance), sealedBundle: sealed.get(instance.instanceId) ?? '' }),
      ),
    ),
  );
  return sealed;
}

function inputOf(task: TaskRef, { instanceId, databaseId }: RotationInstance) {
  return { ...task, instanceId, databaseId };
}

/** @returns milliseconds in which the service did not answer */
async function change(
  run: Run,
  task: TaskRef,
  instance: RotationInstance,
  of: { bundles: ReadonlyMap<string, string>; loginProven?: true },
): Promise<number> {
  const { gapMs, mode } = await run.hostStep('changeService', instance, (on) =>
    on.changeService({
      ...inputOf(task, instance),
      sealedBundle: of.bundles.get(instance.instanceId) ?? '',
      mode: 'reload',
      ...(of.loginProven && { loginProven: true }),
      drainMs: 0,
      readyTimeoutMs: READY_TIMEOUT_MS,
    }),
  );
  run.progress.note(`changeService/${instance.instanceId}`, `${mode}, ${gapMs} ms without answer`);
  return gapMs;
}

/** What comes after the point of no return: the grace, the end of the former login and of its sessions. Patient, like an undo. */
export async function finishRotationForward(run: Run): Promise<void> {
  const { plan } = run;
  const { strategy, graceMs, policy, drainMs } = plan.rotation;
  const task = { taskId: plan.taskId, epoch: plan.epoch };
  run.renew(UNDO_TIMEOUT_MS);
  await settleAll(plan.instances.map((instance) => settle(run, task, instance)));
  if (strategy === 'alternating') {
    if (graceMs > 0) {
      run.progress.headline(`rotate password of ${plan.subject}: both logins work until the grace is over`);
      await sleep(graceMs);
      run.renew(UNDO_TIMEOUT_MS);
    }
    await run.step('retireLogin', 'sql', (on) => on.retireLogin(task));
  }
  if (policy === 'drain') await drain(run, task, drainMs);
  if (policy !== 'keep') {
    run.renew(UNDO_TIMEOUT_MS);
    await run.step('endFormerSessions', 'sql', (on) => on.endFormerSessions({ ...task, end: true }));
  }
  await run.publish((on) => on.finishRotation(task));
}

/** What is left of the previous files is removed with the next change at the latest. */
async function settle(run: Run, task: TaskRef, instance: RotationInstance): Promise<void> {
  try {
    const patience = { attempts: 1, budgetMs: READY_TIMEOUT_MS };
    await run.hostStep('settleService', instance, (on) => on.settleService(inputOf(task, instance)), patience);
  } catch {
    run.progress.note(`settleService/${instance.instanceId}`, 'left for the next change of the service');
  }
}

async function drain(run: Run, task: TaskRef, drainMs: number): Promise<void> {
  const until = Date.now() + drainMs;
  for (let pauseMs = LOOK_PAUSE_MS; Date.now() < until; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const { open } = await run.step('endFormerSessions', 'sql', (on) => on.endFormerSessions({ ...task, end: false }));
    if (open === 0) return;
    await sleep(Math.max(1, Math.min(pauseMs, until - Date.now())));
    run.renew(UNDO_TIMEOUT_MS);
  }
}
