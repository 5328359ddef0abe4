import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import type { Queryable } from '../../../store/connection.ts';
import { markRunSettled } from '../../../store/rotation-runs.ts';
import { lockRotation, settleRotation } from '../../../store/rotations.ts';
import { currentSecrets, taskSecretId } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';
import { storeCurrent } from './secrets.ts';

/** Runs that were carried out in a batch: their passwords are the current ones, in the transaction that closes the requests. */
export async function settleBatchedRotations(
  deps: Pick<ControlDeps, 'sealer'>,
  tx: Queryable,
  done: readonly { taskId: string; rotationId: string }[],
): Promise<void> {
  for (const { taskId, rotationId } of done) {
    const rotation = await lockRotation(tx, rotationId);
    if (rotation === undefined) continue;
    const id = taskSecretId(taskId, rotation.roleName);
    const secret = (await currentSecrets(tx, [id])).get(id);
    if (secret === undefined) continue;
    const { password } = JSON.parse(openStored(deps.sealer, secret)) as Extract<
      SubmittedPassword,
      { kind: 'password' }
    >;
    const version = rotation.secretVersion + 1;
    await storeCurrent(deps, tx, { rotationId, version, password });
    await settleRotation(tx, { id: rotationId, login: null, secretVersion: version });
    await markRunSettled(tx, taskId);
  }
}
