import { findChange } from '../../../store/changes.ts';
import type { Queryable } from '../../../store/connection.ts';
import { deleteCredentials } from '../../../store/credentials.ts';
import { setDatabaseSpec } from '../../../store/databases.ts';
import { keepInstances } from '../../../store/instances.ts';
import { keepPorts } from '../../../store/ports.ts';
import { databaseSecretOwner, keepSecrets } from '../../../store/secrets.ts';

/** Puts the record of a database back as it was before an update that was undone. Past its point of no return nothing is. */
export async function restoreRecord(tx: Queryable, of: { taskId: string; databaseId: string }): Promise<void> {
  const { databaseId } = of;
  const change = await findChange(tx, of.taskId);
  if (change === undefined || change.settled) return;
  const { previousInstances } = change;
  await setDatabaseSpec(tx, { id: databaseId, spec: change.previousSpec });
  await keepInstances(tx, { databaseId, instanceIds: previousInstances.map(({ instanceId }) => instanceId) });
  await keepPorts(tx, { databaseId, claims: previousInstances });
  await keepSecrets(tx, { owner: databaseSecretOwner(databaseId), versions: change.previousSecrets });
  await deleteCredentials(tx, { databaseId, roleNames: change.options.claimedRoles });
}
