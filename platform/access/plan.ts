import { createHash } from 'node:crypto';
import { planAccess } from '../../domain/access/planner/plan-access.ts';
import { beginPlan, type PlanInput, type Planning, type PlanResult } from '../../domain/access/planner/planning.ts';

type Input = Omit<PlanInput, 'sha256'>;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** {@link planAccess} with this platform's SHA-256. */
export function planOn(input: Input): PlanResult {
  return planAccess({ ...input, sha256 });
}

/** {@link beginPlan} with this platform's SHA-256. */
export function beginPlanOn(input: Input): Planning {
  return beginPlan({ ...input, sha256 });
}
