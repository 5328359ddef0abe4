import { beginPlan, type PlanInput, type PlanResult } from './planning.ts';

/**
 * Plans what brings a server to the state that a document asks for. Pure: the same document and the same state give the same
 * plan, with the same hash. A plan with refusals shows what was asked for, and is not applied.
 */
export function planAccess(input: PlanInput): PlanResult {
  return beginPlan(input).finish(input.observed);
}
