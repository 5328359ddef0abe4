import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { DropOutcome } from '../roles/drop-roles.ts';

/** Writes into the task's log which roles could not be dropped, and why: nobody has to look for them (R10). */
export async function reportKept(
  deps: ControlDeps,
  input: { taskId: string; serverName: string; outcome: DropOutcome },
): Promise<void> {
  await appendLog(deps.db, {
    taskId: input.taskId,
    entries: input.outcome.kept.map(({ name, reason }) => ({
      message: `role "${name}" on server ${input.serverName} was set NOLOGIN and not dropped: ${reason}`,
      fields: { role: name, server: input.serverName },
    })),
  });
}
