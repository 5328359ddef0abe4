import { Failure } from '../../../domain/failures.ts';
import { formatProblems } from '../../../domain/spec/problems.ts';
import { planOn } from '../../../platform/access/plan.ts';

/** @throws Failure listing everything that stands in the way */
export function planOrThrow(input: Parameters<typeof planOn>[0]): Extract<ReturnType<typeof planOn>, { ok: true }> {
  const planned = planOn(input);
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
