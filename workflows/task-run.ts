import {
  type ActivityCancellationType,
  type ActivityInterfaceFor,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  patched,
  sleep,
  TemporalFailure,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type {
  ControlActivities,
  HostStepReport,
  PlannedInstance,
  TaskFrame,
  TaskPlan,
} from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { STEPS, type StepName } from '../domain/steps.ts';
import { failureReason, isHostUnavailable, isUnanswered } from './failure-reason.ts';
import type { PolicyName } from './policies.ts';
import { createProgress, type Progress } from './progress.ts';
import { control, locally, onHost } from './proxies.ts';
import { type BegunStep, undoSteps } from './undo.ts';

/** The forward part of a task: performs steps within the deadline and remembers what must be undone. */
export interface TaskRun<Plan extends TaskFrame = TaskPlan> {
  readonly plan: Plan;
  readonly progress: Progress;
  readonly hostSteps: HostStepReport[];
  /** A step on a control worker. Its undo is registered before it begins. */
  step<T>(
    step: StepName,
    policy: PolicyName,
    call: (activities: ActivityInterfaceFor<ControlActivities>) => Promise<T>,
  ): Promise<T>;
  /** From here on nothing is undone: a later failure leaves what was done. */
  commit(): void;
  /** Gives the steps from here on so much time together, in milliseconds, whatever those before took. */
  renew(budgetMs: number): void;
  /** The last step: records success. Nothing is undone after it; it waits for the metadata database if it must. */
  publish(call: (activities: ActivityInterfaceFor<ControlActivities>) => Promise<void>): Promise<void>;
  /** A step on the instance's host; a host that does not answer is asked again until the deadline, or for as long as `patience` says. */
  hostStep<T>(
    step: StepName,
    instance: Pick<PlannedInstance, 'instanceId' | 'hostId'>,
    call: (activities: ActivityInterfaceFor<HostActivities>) => Promise<T>,
    patience?: HostPatience,
  ): Promise<T>;
}

/** How long a host is tried. */
export interface HostPatience {
  /** How often a host that takes no task is asked. */
  attempts: number;
  /** For the whole of one attempt, in milliseconds. */
  budgetMs: number;
}

/** Pause before an unreachable host is asked again; it adds to the schedule-to-start wait of each attempt. */
const HOST_RETRY_PAUSE_MS = 1_000;
/** A worker hears of a cancellation with its next heartbeat, a second or two later. */
const STEP_ENDS_WITHIN_MS = 5_000;
/** Closing a task waits as long as it takes for the metadata database to come back. */
const CLOSING_BUDGET_MS = 24 * 3_600_000;

/** A task on a database; see {@link runFramed}. */
export function runTask(taskId: string, forward: (run: TaskRun) => Promise<void>): Promise<{ outcome: 'completed' }> {
  return runFramed(() => locally('load the accepted task').beginTask({ taskId }), forward);
}

/** A task on a whole server; see {@link runFramed}. */
export function runServerTask(
  taskId: string,
  forward: (run: TaskRun<TaskFrame>) => Promise<void>,
): Promise<{ outcome: 'completed' }> {
  return runFramed(() => locally('load the accepted task').beginServerTask({ taskId }), forward);
}

/**
 * Loads the task, runs its forward part, and closes it as failed or cancelled with everything undone when the forward
 * part ends in an error. Undo and closing are shielded from cancellation.
 */
export async function runFramed<Plan extends TaskFrame>(
  load: () => Promise<Plan>,
  forward: (run: TaskRun<Plan>) => Promise<void>,
): Promise<{ outcome: 'completed' }> {
  // Shielded: a task that was cancelled before it began is still loaded, so that it can be closed.
  const plan = await CancellationScope.nonCancellable(load);
  const begun: BegunStep[] = [];
  // A step that is cancelled has ended before its undo begins. Runs of version 0.1.0 and before did not wait for it.
  const run = createTaskRun(
    plan,
    begun,
    patched('cancelled-steps-end-first') ? 'WAIT_CANCELLATION_COMPLETED' : 'TRY_CANCEL',
  );
  try {
    if (plan.cancelRequested) throw new CancelledFailure('cancelled before it began');
    await forward(run);
    return { outcome: 'completed' };
  } catch (error) {
    await CancellationScope.nonCancellable(() => closeFailed(run, begun, error));
    // Any other error would be a failure of the workflow task, which Temporal repeats for ever.
    throw error instanceof TemporalFailure ? error : ApplicationFailure.fromError(error, { nonRetryable: true });
  }
}

/**
 * Performs the steps of a task; those that begin are added to `begun`.
 * @param cancellationType what a cancellation waits for, where there can be one
 */
export function createTaskRun<Plan extends TaskFrame>(
  plan: Plan,
  begun: BegunStep[],
  cancellationType: ActivityCancellationType = 'WAIT_CANCELLATION_COMPLETED',
): TaskRun<Plan> {
  let deadline = Date.now() + plan.timeoutMs;
  const budgetMs = () => Math.max(1_000, deadline - Date.now());
  const progress = createProgress(`${plan.type} ${plan.subject}`);
  const hostSteps: HostStepReport[] = [];
  const waits = cancellationType === 'WAIT_CANCELLATION_COMPLETED';

  async function perform<T>(step: StepName, target: string, where: string, call: () => Promise<T>): Promise<T> {
    const key = `${step}/${target}`;
    begun.push({ step, target });
    progress.begin(key, { title: STEPS[step].title, where });
    try {
      const result = await (waits ? endedOrGivenUp(call()) : call());
      progress.end(key, 'done');
      return result;
    } catch (error) {
      progress.end(key, 'failed', failureReason(error));
      throw isCancellation(error) ? error : new StepFailed(step, where, error);
    }
  }

  return {
    plan,
    progress,
    hostSteps,
    step: (step, policy, call) =>
      perform(step, '', 'control', () =>
        call(control(policy, { summary: STEPS[step].title, budgetMs: budgetMs(), cancellationType })),
      ),
    commit: () => void begun.splice(0),
    renew(budget) {
      deadline = Date.now() + budget;
    },
    publish: (call) => call(control('bookkeeping', { summary: 'record success', budgetMs: CLOSING_BUDGET_MS })),
    hostStep: (step, instance, call, patience = { attempts: Number.POSITIVE_INFINITY, budgetMs: plan.timeoutMs }) =>
      perform(step, instance.instanceId, instance.hostId, async () => {
        const startedAt = Date.now();
        const summary = `${STEPS[step].title}: ${instance.instanceId}`;
        for (let attempt = 1; ; attempt += 1) {
          try {
            const budget = Math.min(budgetMs(), patience.budgetMs);
            const result = await call(onHost(instance.hostId, { summary, budgetMs: budget, cancellationType }));
            hostSteps.push({
              title: summary,
              startedAt: new Date(startedAt).toISOString(),
              durationMs: Date.now() - startedAt,
            });
            return result;
          } catch (error) {
            const over = attempt >= patience.attempts || Date.now() + HOST_RETRY_PAUSE_MS >= deadline;
            if (!isHostUnavailable(error) || over) throw hostFailure(instance, error);
            progress.note(`${step}/${instance.instanceId}`, `host ${instance.hostId} does not answer; asking again`);
            await sleep(HOST_RETRY_PAUSE_MS);
          }
        }
      }),
  };
}

/** A cancelled step is waited for, within a bound: what undoes it fences one that goes on all the same (R9). */
async function endedOrGivenUp<T>(step: Promise<T>): Promise<T> {
  const cancelled = CancellationScope.current().cancelRequested.catch(() =>
    CancellationScope.nonCancellable(async () => {
      await sleep(STEP_ENDS_WITHIN_MS);
      throw new CancelledFailure('cancelled, and the step did not end');
    }),
  );
  return Promise.race([step, cancelled]);
}

/** A worker that went away in the middle of a step is missed only when the time is up. */
function hostFailure(instance: Pick<PlannedInstance, 'hostId'>, error: unknown): unknown {
  if (!isHostUnavailable(error) && !isUnanswered(error)) return error;
  return ApplicationFailure.create({
    type: 'HostUnavailable',
    nonRetryable: true,
    message: `host ${instance.hostId} gave no answer within the time allowed; see that its worker runs, then try again`,
  });
}

async function closeFailed<Plan extends TaskFrame>(
  run: TaskRun<Plan>,
  begun: readonly BegunStep[],
  error: unknown,
): Promise<void> {
  const outcome = isCancellation(error) ? 'canceled' : 'failed';
  run.progress.headline(`${run.plan.type} ${run.plan.subject}: ${outcome}, undoing`);
  const leftovers = await undoSteps(run.plan, begun, run.progress);
  if (leftovers.length > 0) upsertSearchAttributes({ PgState: ['needs-attention'] });
  await control('bookkeeping', { summary: 'close the task', budgetMs: CLOSING_BUDGET_MS }).failTask({
    taskId: run.plan.taskId,
    epoch: run.plan.epoch,
    outcome,
    reason: failureReason(error),
    leftovers,
  });
  run.progress.headline(`${run.plan.type} ${run.plan.subject}: ${outcome}`);
}

/** Which step failed, and why: the message of the run's failure and of the task's error. */
class StepFailed extends ApplicationFailure {
  constructor(step: StepName, where: string, cause: unknown) {
    const type = cause instanceof ApplicationFailure ? cause.type : undefined;
    super(
      `${STEPS[step].title}${where === 'control' ? '' : ` on ${where}`}: ${failureReason(cause)}`,
      type ?? 'StepFailed',
      true,
      [{ step }],
      cause instanceof Error ? cause : undefined,
    );
  }
}
