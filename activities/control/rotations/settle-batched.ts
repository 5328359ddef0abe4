import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import type { Queryable } from '../../../store/connection.ts';
import { markRunSettled } from '../../../store/rotation-runs.ts';
import { lockRotations, settleRotations } from '../../../store/rotations.ts';
import { currentSecrets, dropOlderVersions, insertSecrets, taskSecretId } from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';
import { sealCurrent } from './secrets.ts';

/**
 * Runs that were carried out in a batch: their passwords are the current ones, in the transaction that closes the requests. As many
 * statements as for one.
 */
export async function settleBatchedRotations(
  deps: Pick<ControlDeps, 'sealer'>,
  tx: Queryable,
  done: readonly { taskId: string; rotationId: string }[],
): Promise<void> {
  if (done.length === 0) return;
  const taskOf = new Map(done.map(({ taskId, rotationId }) => [rotationId, taskId]));
  const rotations = await lockRotations(tx, [...taskOf.keys()]);
  const runs = rotations.map(({ id, roleName, secretVersion }) => {
    const taskId = taskOf.get(id) ?? '';
    return { id, taskId, secretId: taskSecretId(taskId, roleName), secretVersion: secretVersion + 1 };
  });
  const set = await currentSecrets(
    tx,
    runs.map(({ secretId }) => secretId),
  );
  const settled = runs.flatMap((run) => {
    const secret = set.get(run.secretId);
    if (secret === undefined) return [];
    const { password } = JSON.parse(openStored(deps.sealer, secret)) as Extract<
      SubmittedPassword,
      { kind: 'password' }
    >;
    const current = sealCurrent(deps, { rotationId: run.id, version: run.secretVersion, password });
    return [{ ...run, login: null, current }];
  });
  const current = settled.map((run) => run.current);
  await insertSecrets(tx, current);
  await dropOlderVersions(tx, current);
  await settleRotations(tx, settled);
  await markRunSettled(tx, ...settled.map(({ taskId }) => taskId));
}
