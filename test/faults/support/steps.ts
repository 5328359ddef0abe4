import { isStepName, STEPS, type StepName } from '../../../domain/steps.ts';
import type { FaultPoint } from './faults.ts';

/** Steps of a create, each under the name of its activity. */
const CREATE_STEPS = [
  'runPostInit',
  'createRoles',
  'createDatabase',
  'runPostDatabaseCreate',
  'grantAccess',
  'sealServices',
  'startService',
  'awaitService',
] as const satisfies StepName[];
const DELETE_STEPS = ['removeService', 'removeDatabase', 'removeRoles'] as const satisfies StepName[];

/** Every activity of a create that succeeds. */
export const PROVISION_ACTIVITIES = ['beginTask', ...CREATE_STEPS, 'publishDatabase'];
/** Every activity of a create that fails at its last step, after that step. */
export const UNDO_ACTIVITIES = [...CREATE_STEPS.flatMap((step) => STEPS[step].undo ?? []), 'failTask'];
/** Every activity of a delete. */
export const DELETE_ACTIVITIES = ['beginTask', ...DELETE_STEPS, 'finishDelete'];

/** A place of a task, beside its name for a test. */
type NamedPoint<More = object> = [name: string, point: Omit<FaultPoint, 'subject'> & More];

const MOMENTS = ['before', 'after'] as const;

/** Before and after the effect of each activity. */
export function pointsOf<More>(activities: readonly string[], more: (activity: string) => More): NamedPoint<More>[] {
  return activities.flatMap((activity) =>
    MOMENTS.map((when): NamedPoint<More> => [`${when} ${activity}`, { activity, when, ...more(activity) }]),
  );
}

/** What the error of a task says of the step that failed. */
export const titleOf = (activity: string) => ({ title: isStepName(activity) ? STEPS[activity].title : '' });

/** Every step of a create. */
export const CREATE_POINTS = pointsOf(CREATE_STEPS, () => ({}));

/** Where a create can fail for good: every step and the bookkeeping around them, until its success is recorded. */
export const FAILING_POINTS = pointsOf(PROVISION_ACTIVITIES, titleOf).slice(0, -1);

/** Where a create can be cancelled. A local activity does not hear of it: the workflow acts on it afterwards. */
export const CANCELLABLE_POINTS = pointsOf(['beginTask', ...CREATE_STEPS], (activity) => ({
  hearsOfIt: activity !== 'beginTask',
}));

/** Where a delete can fail for good, until its success is recorded. */
export const DELETE_POINTS = pointsOf([...DELETE_STEPS, 'finishDelete'], titleOf).slice(0, -1);

/** Database id of a case: short enough for every name that is derived from it. */
export function idFor(kind: string, activity: string, when: 'before' | 'after'): string {
  return `${kind}-${activity.toLowerCase()}-${when.charAt(0)}`;
}
