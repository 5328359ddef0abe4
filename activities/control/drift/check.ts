import { DEFAULT_POLICY } from '../../../domain/drift/policy.ts';
import { resumeRepairs, serversToLookAt } from '../../../store/drift/looks.ts';
import { noteResults } from '../../../store/server-work.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep } from '../step.ts';
import type { DriftReport, TaskRef } from '../types.ts';
import { lookForDrift } from './look.ts';

/** Servers that one run looks at; the next one takes the others. */
const SERVERS_PER_RUN = 50;

export async function listDriftDue(deps: ControlDeps): Promise<{ serverNames: string[] }> {
  const serverNames = await serversToLookAt(deps.db, {
    limit: SERVERS_PER_RUN,
    firstAfterSeconds: DEFAULT_POLICY.intervalSeconds,
  });
  return { serverNames };
}

/** Looks at a server as a whole because somebody asked. */
export function checkDrift(deps: ControlDeps, input: TaskRef): Promise<DriftReport> {
  return performServerStep(deps, { ...input, step: 'checkDrift' }, async ({ work }) => {
    const { serverName, taskId } = work;
    const { resume } = (work.document ?? {}) as { resume?: boolean };
    if (resume === true) await resumeRepairs(deps.db, serverName);
    const report = await lookForDrift(deps, { serverName, whole: true });
    const { found, fresh, repairTaskIds, heldBack } = report;
    const result = {
      found,
      fresh,
      ...(repairTaskIds === undefined ? {} : { repair_task_ids: repairTaskIds }),
      ...(heldBack === undefined ? {} : { held_back: heldBack }),
    };
    await appendLog(deps.db, {
      taskId,
      entries: [{ message: `${found} differences, ${fresh} of them new`, fields: result }],
    });
    await noteResults(deps.db, [{ taskId, result }]);
    return report;
  });
}
