import { createHash } from 'node:crypto';
import { type PlanInput, planAccess } from '../../domain/access/planner/plan-access.ts';

/** {@link planAccess} with this platform's SHA-256. */
export function planOn(input: Omit<PlanInput, 'sha256'>): ReturnType<typeof planAccess> {
  return planAccess({ ...input, sha256: (text) => createHash('sha256').update(text).digest('hex') });
}
