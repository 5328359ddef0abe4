import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../domain/failures.ts';
import { taskApplicationName } from '../../domain/marker.ts';
import { STEPS, type StepName } from '../../domain/steps.ts';
import type { TargetSession } from '../../platform/target/target-server.ts';
import type { Queryable } from '../../store/connection.ts';
import {
  beginStep,
  endStep,
  findStep,
  markUndone,
  noteStep,
  type StepEnd,
  type StepKey,
  taskHolds,
} from '../../store/journal.ts';
import { loadRotationWork, type RotationWork } from '../../store/rotation-work.ts';
import { loadServerWork, type ServerWork } from '../../store/server-work.ts';
import { beginUndo } from '../../store/tasks.ts';
import { loadWork, type Work } from '../../store/work.ts';
import type { ControlDeps } from './deps.ts';
import type { TaskRef } from './types.ts';

/** What the body of a step works with. */
export interface StepContext<Accepted = Work> {
  work: Accepted;
  /** Session settings for target servers under this task's name. */
  session(doing: string): TargetSession;
  /** What earlier attempts noted, for steps that must know what they made. */
  noted: Record<string, unknown>;
  /** Notes something before its effect, so that undo finds it. @throws Failure StaleTask once undo has begun */
  note(detail: Record<string, unknown>): Promise<void>;
  /** Throws StaleTask when the task was superseded meanwhile: to be called after effects that no transaction covers (R9). */
  assertHolds(): Promise<void>;
  /**
   * Records the end of the step in one statement with what came of it: the last thing that a body does. Otherwise the end is
   * recorded after it.
   * @param write gives whether the task still holds
   */
  endWith(write: (key: StepKey, end: StepEnd) => Promise<boolean>): Promise<void>;
}

/** What the body of a prepared step works with. */
export interface PreparedStepContext<Prepared> extends StepContext<Prepared> {
  /** The step is in the journal: before that nothing is done that others could notice. @throws Failure StaleTask */
  entered: Promise<void>;
}

const stale = (task: TaskRef) =>
  new Failure(
    'StaleTask',
    `task ${task.taskId} is closed, waits for approval, or a later operation was accepted in its place`,
  );

/**
 * Performs one journalled step of a task on a database: enters it, loads the accepted row, runs the body, records the end.
 * A body that runs twice must come to the same end.
 */
export function performStep<T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  body: (context: StepContext) => Promise<T>,
): Promise<T> {
  return journalled(deps, input, loadWork, body);
}

/** The same for a task on a whole server. */
export function performServerStep<T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  body: (context: StepContext<ServerWork>) => Promise<T>,
): Promise<T> {
  return journalled(deps, input, loadServerWork, body);
}

/**
 * The same where much is to be made ready before the body can act: that begins while the step is still being entered.
 * @param prepare changes nothing, for the task may not hold any more
 */
export function performPreparedServerStep<Prepared, T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  prepare: (work: ServerWork) => Promise<Prepared>,
  body: (context: PreparedStepContext<Prepared>) => Promise<T>,
): Promise<T> {
  return perform(deps, input, async (frame) => {
    const work = await prepare(await loadServerWork(deps.db, input.taskId));
    return body({ ...frame, work });
  });
}

/** The same for a run of a rotation. */
export function performRotationStep<T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName; target?: string },
  body: (context: StepContext<RotationWork>) => Promise<T>,
): Promise<T> {
  return journalled(deps, input, loadRotationWork, body);
}

function journalled<Accepted, T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName; target?: string },
  load: (db: Queryable, taskId: string) => Promise<Accepted>,
  body: (context: StepContext<Accepted>) => Promise<T>,
): Promise<T> {
  return perform(deps, input, async (frame) => {
    const [work] = await Promise.all([load(deps.db, input.taskId), frame.entered]);
    return body({ ...frame, work });
  });
}

/** Enters a step, runs its body and records its end. */
async function perform<T>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName; target?: string },
  body: (frame: Omit<PreparedStepContext<never>, 'work'>) => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  const entered = enter(deps, input);
  let ended = false;
  const endWith = async (write: (key: StepKey, end: StepEnd) => Promise<boolean>) => {
    await entered;
    const durationMs = performance.now() - startedAt;
    if (!(await write(input, { message: `finished: ${STEPS[input.step].title}`, durationMs }))) throw stale(input);
    ended = true;
  };
  const result = await body({
    entered,
    endWith,
    session: taskSession(input.taskId),
    noted: activityInfo().attempt > 1 ? ((await findStep(deps.db, input))?.detail ?? {}) : {},
    note: async (detail) => {
      if (!(await noteStep(deps.db, input, detail))) throw stale(input);
    },
    assertHolds: async () => {
      if (!(await taskHolds(deps.db, input))) throw stale(input);
    },
  });
  if (!ended) await endWith((key, end) => endStep(deps.db, key, end));
  return result;
}

function enter(deps: ControlDeps, input: TaskRef & { step: StepName }): Promise<void> {
  const entered = beginStep(deps.db, input, `started: ${STEPS[input.step].title}`).then((holds) => {
    if (!holds) throw stale(input);
  });
  // Whoever acts hears of it; a body that fails before that has its own reason.
  entered.catch(() => undefined);
  return entered;
}

/** What the body of an undo works with. */
export interface UndoContext<Accepted = Work> {
  work: Accepted;
  session(doing: string): TargetSession;
  /** What the step noted before its effect. */
  noted: Record<string, unknown>;
}

/**
 * Performs the undo of a step. Nothing to undo is success; a step undone before is not undone again. The step itself may
 * still be under way, in a worker that was taken for dead: from here on it changes nothing (R9).
 */
export function performUndo(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  body: (context: UndoContext) => Promise<void>,
): Promise<void> {
  return undo(deps, input, loadWork, body);
}

/** The same for a run of a rotation. */
export function performRotationUndo(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  body: (context: UndoContext<RotationWork>) => Promise<void>,
): Promise<void> {
  return undo(deps, input, loadRotationWork, body);
}

async function undo<Accepted>(
  deps: ControlDeps,
  input: TaskRef & { step: StepName },
  load: (db: Queryable, taskId: string) => Promise<Accepted>,
  body: (context: UndoContext<Accepted>) => Promise<void>,
): Promise<void> {
  if (!(await beginUndo(deps.db, input.taskId))) return;
  const entry = await findStep(deps.db, input);
  if (entry === undefined || entry.state === 'undone') return;
  const work = await load(deps.db, input.taskId);
  await body({ work, session: taskSession(input.taskId, ':undo'), noted: entry.detail });
  await markUndone(deps.db, input, `undone: ${STEPS[input.step].title}`);
}

function taskSession(taskId: string, suffix = ''): (doing: string) => TargetSession {
  const signal = cancellationSignal();
  return (doing) => ({ applicationName: `${taskApplicationName(taskId)}${suffix}`, doing, signal });
}
