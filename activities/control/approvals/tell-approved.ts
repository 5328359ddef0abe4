import { tellDecision } from '../../../platform/temporal/tell-decision.ts';
import { approvedAndWaiting } from '../../../store/approvals.ts';
import type { ControlDeps } from '../deps.ts';

/** Of one pass; the next one tells the rest. */
const BATCH = 100;

/** Tells runs of what was approved while no worker took the update, or by an API that died before it told. */
export async function tellApproved(deps: ControlDeps, input: { olderThanMs: number }): Promise<void> {
  for (const run of await approvedAndWaiting(deps.db, { ...input, limit: BATCH })) {
    await tellDecision(deps.workflows, run).catch((error: unknown) => {
      deps.log.warn({ err: error, taskId: run.taskId }, 'the run of an approved change was not told; it will be again');
    });
  }
}
