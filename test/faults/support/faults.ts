import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { WorkerInterceptors } from '@temporalio/worker';
import type { FailureType } from '../../../domain/failures.ts';
import { createGate } from './gate.ts';

/** A place in the work of a worker: one activity of one run, before or after its effect. */
export interface FaultPoint {
  /** Second part of the run's workflow id: the database id, or the task id of a cleanup run. */
  subject: string;
  activity: string;
  when: 'before' | 'after';
}

/** An activity that waits at its point, whatever it is told, until it is released. */
export interface Held {
  reached: Promise<void>;
  /** The worker has learnt that the activity is cancelled, or that its run is gone. */
  cancelled: Promise<void>;
  release(): void;
  /** For a point before the effect: what the released activity came to, an error or undefined. */
  outcome: Promise<unknown>;
}

type Action = (context: Context) => Promise<void>;

/** Faults for the workers of one test file, armed one by one. Each strikes once. */
export interface Faults {
  readonly interceptors: NonNullable<WorkerInterceptors['activity']>;
  /** The activity waits at the point until `action` has ended, and fails with it. */
  at(point: FaultPoint, action: Action): void;
  fail(point: FaultPoint, failure: { type: FailureType; message: string; retryable: boolean }): void;
  hold(point: FaultPoint): Held;
}

export function createFaults(): Faults {
  const armed = new Map<string, Action>();
  const watched = new Map<string, (outcome: unknown) => void>();

  async function strike(place: string, context: Context): Promise<void> {
    const action = armed.get(place);
    armed.delete(place);
    await action?.(context);
  }

  const at: Faults['at'] = (point, action) => void armed.set(placeOf(point), action);

  return {
    at,
    interceptors: [
      (context) => ({
        inbound: {
          async execute(input, next) {
            const [, subject = ''] = (context.info.workflowExecution?.workflowId ?? '').split('/');
            const here = { subject, activity: context.info.activityType };
            const before = placeOf({ ...here, when: 'before' });
            await strike(before, context);
            const tell = watched.get(before);
            watched.delete(before);
            const result = await next(input).catch((error: unknown) => {
              tell?.(error);
              throw error;
            });
            tell?.(undefined);
            await strike(placeOf({ ...here, when: 'after' }), context);
            return result;
          },
        },
      }),
    ],
    fail(point, { retryable, ...failure }) {
      at(point, () => Promise.reject(ApplicationFailure.create({ ...failure, nonRetryable: !retryable })));
    },
    hold(point) {
      const [reached, cancelled, released, outcome] = [createGate(), createGate(), createGate(), createGate<unknown>()];
      at(point, async (context) => {
        context.cancelled.catch(() => cancelled.open());
        watched.set(placeOf(point), outcome.open);
        reached.open();
        await released.passed;
      });
      return {
        reached: reached.passed,
        cancelled: cancelled.passed,
        release: () => released.open(),
        outcome: outcome.passed,
      };
    },
  };
}

function placeOf({ subject, activity, when }: FaultPoint): string {
  return `${subject}/${activity}/${when}`;
}
