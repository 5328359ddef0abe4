import { STEPS, type StepName } from '../../../domain/steps.ts';

/** Steps of a create, each under the name of its activity. */
const CREATE_STEPS = [
  'runPostInit',
  'createRoles',
  'createDatabase',
  'runPostDatabaseCreate',
  'preflight',
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

const MOMENTS = ['before', 'after'] as const;
const pointsOf = (steps: readonly StepName[]) =>
  steps.flatMap((activity) => MOMENTS.map((when) => ({ activity, when, title: STEPS[activity].title })));

/**
 * Where a create can fail for good: every step, and the bookkeeping around them. Once its success is recorded there is
 * nothing left to fail. `title` is what the task's error says of the place.
 */
export const FAILING_POINTS = [
  ...MOMENTS.map((when) => ({ activity: 'beginTask', when, title: 'its run failed' })),
  ...pointsOf(CREATE_STEPS),
  { activity: 'publishDatabase', when: 'before' as const, title: '' },
];

/** Where a create can be cancelled. A local activity does not hear of it: the workflow acts on it afterwards. */
export const CANCELLABLE_POINTS = [
  ...MOMENTS.map((when) => ({ activity: 'beginTask', when, hearsOfIt: false })),
  ...pointsOf(CREATE_STEPS).map(({ activity, when }) => ({ activity, when, hearsOfIt: true })),
];

/** Where a delete can fail. */
export const DELETE_POINTS = [
  ...pointsOf(DELETE_STEPS),
  { activity: 'finishDelete', when: 'before' as const, title: '' },
];

/** Database id of a case: short enough for every name that is derived from it. */
export function idFor(kind: string, activity: string, when: 'before' | 'after'): string {
  return `${kind}-${activity.toLowerCase()}-${when.charAt(0)}`;
}
