import { Failure } from '../../../domain/failures.ts';
import type { ServiceObservation } from '../../../domain/services.ts';
import { insertTaskOutcome } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { lockDatabase, setAvailable } from '../../../store/databases.ts';
import { listHosts } from '../../../store/hosts.ts';
import { setInstancesRunning } from '../../../store/instances.ts';
import { taskHolds } from '../../../store/journal.ts';
import { appendLog, closeTask, findTask } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { HostStepReport, TaskRef } from '../types.ts';
import { logHostSteps } from './host-steps.ts';
import { statusesOf } from './running-services.ts';

/** Closes a successful create in one transaction; the next operation is accepted as soon as it commits. */
export async function publishDatabase(
  deps: ControlDeps,
  input: TaskRef & { services: ServiceObservation[]; hostSteps: HostStepReport[] },
): Promise<void> {
  const task = await findTask(deps.db, { taskId: input.taskId });
  if (task?.status === 'completed') return;
  const hosts = await listHosts(deps.db);
  const databaseId = task?.databaseId ?? '';
  await inTransaction(deps.db, async (tx) => {
    const database = await lockDatabase(tx, databaseId);
    if (task === undefined || database === undefined || !(await taskHolds(tx, input))) {
      throw new Failure('StaleTask', `task ${input.taskId} was superseded`);
    }
    await setInstancesRunning(tx, statusesOf(input.services, hosts));
    await setAvailable(tx, databaseId);
    await logHostSteps(tx, input.taskId, input.hostSteps);
    await appendLog(tx, { taskId: input.taskId, entries: [{ message: 'database is available' }] });
    await closeTask(tx, { taskId: input.taskId, status: 'completed' });
    await insertTaskOutcome(tx, {
      actor: task.actor,
      action: `database.${task.type}`,
      resource: `database/${databaseId}`,
      taskId: input.taskId,
      outcome: 'completed',
    });
  });
}
