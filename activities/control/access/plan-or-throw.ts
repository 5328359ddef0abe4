import type { PlanResult } from '../../../domain/access/planner/planning.ts';
import { Failure } from '../../../domain/failures.ts';
import { formatProblems } from '../../../domain/spec/problems.ts';
import { planOn } from '../../../platform/access/plan.ts';

/** A plan that can be carried out. */
export type SoundPlan = Extract<PlanResult, { ok: true }>;

/** @throws Failure listing everything that stands in the way */
export function planOrThrow(input: Parameters<typeof planOn>[0]): SoundPlan {
  return soundPlan(planOn(input));
}

/** @throws Failure listing everything that stands in the way */
export function soundPlan(planned: PlanResult): SoundPlan {
  if (!planned.ok) throw new Failure('DocumentInvalid', formatProblems(planned.problems));
  const { refusals } = planned.plan;
  if (refusals.length > 0) {
    const lines = refusals.map(({ path, message, remedy }) => ({
      path,
      message: remedy === undefined ? message : `${message}; a superuser gives it with: ${remedy}`,
    }));
    throw new Failure('NotAllowed', formatProblems(lines));
  }
  return planned;
}
