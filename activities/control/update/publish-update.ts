import { Failure } from '../../../domain/failures.ts';
import type { ServiceObservation } from '../../../domain/services.ts';
import { type DatabaseChange, findChange, settleChange } from '../../../store/changes.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { recordSecretVersions } from '../../../store/credentials.ts';
import { type DatabaseRecord, lockDatabase } from '../../../store/databases.ts';
import { listHosts } from '../../../store/hosts.ts';
import { setInstancePorts, setInstancesRunning } from '../../../store/instances.ts';
import { taskHolds } from '../../../store/journal.ts';
import { databaseSecretOwner, keepSecrets, userSecretId } from '../../../store/secrets.ts';
import { appendLog, findTask, type TaskRecord } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { statusesOf } from '../tasks/running-services.ts';
import type { TaskRef } from '../types.ts';

/** An update that may be published, with its rows locked. */
export interface PublishableUpdate {
  task: TaskRecord;
  database: DatabaseRecord;
  change: DatabaseChange;
}

/**
 * The point of no return of an update, in one transaction: instances are recorded as they run now, and secrets that nothing uses
 * any more are forgotten. From here on neither failure nor cancellation takes anything back.
 */
export async function publishUpdate(
  deps: ControlDeps,
  input: TaskRef & { services: ServiceObservation[] },
): Promise<void> {
  await inTransaction(deps.db, async (tx) => publish(tx, await lockUpdate(tx, input), input.services));
}

/** @throws Failure StaleTask when the task was superseded or closed */
export async function lockUpdate(tx: Queryable, input: TaskRef): Promise<PublishableUpdate> {
  const [task, change] = [await findTask(tx, { taskId: input.taskId }), await findChange(tx, input.taskId)];
  const database = await lockDatabase(tx, task?.databaseId ?? '');
  if (task === undefined || change === undefined || database === undefined || !(await taskHolds(tx, input))) {
    throw new Failure('StaleTask', `task ${input.taskId} was superseded`);
  }
  return { task, database, change };
}

/** Does nothing for an update that is past that point. */
export async function publish(
  tx: Queryable,
  { task, database, change }: PublishableUpdate,
  services: readonly ServiceObservation[],
): Promise<void> {
  if (change.settled) return;
  await setInstancePorts(tx, change.nextInstances);
  await setInstancesRunning(tx, statusesOf(services, await listHosts(tx)));
  await keepSecrets(tx, { owner: databaseSecretOwner(database.id), versions: change.nextSecrets });
  await recordSecretVersions(tx, { databaseId: database.id, secrets: userSecrets(database, change) });
  await settleChange(tx, task.id);
  await appendLog(tx, { taskId: task.id, entries: [{ message: 'the new specification is in effect' }] });
}

function userSecrets({ id, spec }: DatabaseRecord, { nextSecrets }: DatabaseChange) {
  return (spec.database_users ?? []).flatMap(({ username: roleName }) => {
    const secretId = userSecretId(id, roleName);
    const version = nextSecrets[secretId];
    return version === undefined ? [] : [{ roleName, secretId, version }];
  });
}
