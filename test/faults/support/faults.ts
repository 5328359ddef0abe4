import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityExecuteInput, ActivityInterceptors, Next, WorkerInterceptors } from '@temporalio/worker';
import type { FailureType } from '../../../domain/failures.ts';

/** A place in the runs of a worker: one activity of one task, before or after its effect. */
export interface FaultPoint {
  /** Second part of the workflow id: the database, or the task of a cleanup run. */
  subject: string;
  activity: string;
  when: 'before' | 'after';
}

/** An activity that waits at its point. */
export interface Held {
  /** It has arrived there. */
  reached: Promise<void>;
  /** The activity has been told that it is cancelled, or that its run is gone. */
  cancelled: Promise<void>;
  release(): void;
  /** What the activity itself came to after its release: an error, or undefined. */
  outcome: Promise<unknown>;
}

/** Faults for the workers of a test, armed one by one; each strikes once. */
export interface Faults {
  readonly interceptors: NonNullable<WorkerInterceptors['activity']>;
  fail(point: FaultPoint, failure: { type: FailureType; message: string; retryable: boolean }): void;
  hold(point: FaultPoint): Held;
  /** Runs `action` when the point is reached; the activity waits for it. */
  at(point: FaultPoint, action: (context: Context) => Promise<void>): void;
}

export function createFaults(): Faults {
  const armed = new Map<string, (context: Context) => Promise<void>>();
  const outcomes = new Map<string, (error: unknown) => void>();

  async function strike(place: string, context: Context): Promise<void> {
    const action = armed.get(place);
    armed.delete(place);
    await action?.(context);
  }

  const at: Faults['at'] = (point, action) => void armed.set(placeOf(point), action);

  return {
    interceptors: [
      (context): ActivityInterceptors => ({
        inbound: {
          async execute(input: ActivityExecuteInput, next: Next<{ execute: unknown }, never> | ExecuteNext) {
            const [, subject = ''] = (context.info.workflowExecution?.workflowId ?? '').split('/');
            const { activityType: activity } = context.info;
            const before = placeOf({ subject, activity, when: 'before' });
            const after = placeOf({ subject, activity, when: 'after' });
            await strike(before, context);
            try {
              const result = await (next as ExecuteNext)(input);
              await strike(after, context);
              outcomes.get(before)?.(undefined);
              outcomes.get(after)?.(undefined);
              return result;
            } catch (error) {
              outcomes.get(before)?.(error);
              throw error;
            }
          },
        },
      }),
    ],
    at,
    fail(point, { retryable, ...failure }) {
      at(point, () => Promise.reject(ApplicationFailure.create({ ...failure, nonRetryable: !retryable })));
    },
    hold(point) {
      const reached = Promise.withResolvers<void>();
    },
  };
}
