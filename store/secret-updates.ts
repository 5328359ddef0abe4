import { TASK_WORKFLOWS } from '../domain/task-workflows.ts';
import { insertChange } from './changes.ts';
import type { Queryable } from './connection.ts';
import { beginUpdate, type DatabaseRecord } from './databases.ts';
import { listInstances } from './instances.ts';
import { databaseSecretOwner, insertSecrets, type StoredSecret, secretsOf } from './secrets.ts';
import { insertTask, type TaskRecord } from './tasks.ts';

/**
 * Accepts an update of a database in which nothing changes but one of its secrets: the update that everybody may ask for, with its
 * undo. The caller holds the row of the database, and nothing is under way for it.
 */
export async function beginSecretUpdate(
  tx: Queryable,
  input: { database: DatabaseRecord; secret: StoredSecret; actor: string; requestHash?: string },
): Promise<TaskRecord> {
  const { database, secret, actor, requestHash } = input;
  const stored = await secretsOf(tx, [databaseSecretOwner(database.id)]);
  const previousSecrets = Object.fromEntries(stored.map(({ id, version }) => [id, version]));
  await insertSecrets(tx, [secret]);
  const instances = (await listInstances(tx, [database.id])).map(
    ({ id: instanceId, serviceId, hostId, port, published, version }) => ({
      ...{ instanceId, serviceId, hostId, port, published, version },
    }),
  );
  const { epoch } = await beginUpdate(tx, { id: database.id, spec: database.spec });
  const { workflowType, kind: workflowKind } = TASK_WORKFLOWS.update;
  const task = await insertTask(tx, {
    ...{ scope: 'database', entityId: database.id, type: 'update', epoch, workflowType, workflowKind, actor },
    ...(requestHash === undefined ? {} : { requestHash }),
  });
  await insertChange(tx, {
    taskId: task.id,
    previousSpec: database.spec,
    options: { force: false, removeHosts: [], claimedRoles: [] },
    previousSecrets,
    nextSecrets: { ...previousSecrets, [secret.id]: secret.version },
    previousInstances: instances,
    nextInstances: instances,
  });
  return task;
}
