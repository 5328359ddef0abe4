import { startJwtRotation } from '../../../platform/temporal/start-jwt-rotation.ts';
import { openJwtRotations } from '../../../store/jwt-rotations.ts';
import type { ControlDeps } from '../deps.ts';

/** Of one pass; there is one at most for each service. */
const BATCH = 500;

/** Starts the runs of rotations that have none: of an API that died before it started one, or of a Temporal that lost it. */
export async function restartJwtRotations(deps: ControlDeps, input: { olderThanMs: number }): Promise<void> {
  for (const rotation of await openJwtRotations(deps.db, { ...input, limit: BATCH })) {
    await startJwtRotation(deps.workflows, rotation, { taskQueue: deps.taskQueue });
  }
}
