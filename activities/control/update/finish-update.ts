import type { ServiceObservation } from '../../../domain/services.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { setAvailable } from '../../../store/databases.ts';
import { keepInstances } from '../../../store/instances.ts';
import { keepPorts } from '../../../store/ports.ts';
import { appendLog, auditAction, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { logHostSteps } from '../tasks/host-steps.ts';
import type { HostStepReport, TaskRef } from '../types.ts';
import { lockUpdate, publish } from './publish-update.ts';

/**
 * Closes an update in one transaction: instances that went lose record and ports; the next operation is accepted at once. Where
 * nothing had to be taken away this is its point of no return, too.
 */
export async function finishUpdate(
  deps: ControlDeps,
  input: TaskRef & { services: ServiceObservation[]; hostSteps: HostStepReport[] },
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const closed = await findTask(tx, { taskId: input.taskId });
    if (closed?.status === 'completed') return;
    const update = await lockUpdate(tx, input);
    const { task, database, change } = update;
    await publish(tx, update, input.services);
    await keepInstances(tx, {
      databaseId: database.id,
      instanceIds: change.nextInstances.map(({ instanceId }) => instanceId),
    });
    await keepPorts(tx, { databaseId: database.id, claims: change.nextInstances });
    await setAvailable(tx, database.id);
    await logHostSteps(tx, input.taskId, input.hostSteps);
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'database is available' }] });
    await closeTask(tx, { taskId: input.taskId, status: 'completed' });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      action: auditAction(task),
      resource: `database/${database.id}`,
      taskId: input.taskId,
      outcome: 'completed',
    });
  });
}
