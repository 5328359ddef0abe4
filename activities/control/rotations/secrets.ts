import type { SubmittedPassword } from '../../../domain/access/document.ts';
import {
  type ConsumerSecrets,
  consumerSecretId,
  rotationOwner,
  rotationSecretId,
} from '../../../domain/rotations/rotation.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import { sealStored } from '../../../platform/secrets/seal-stored.ts';
import type { Queryable } from '../../../store/connection.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import {
  currentSecrets,
  insertSecrets,
  keepSecrets,
  type StoredSecret,
  taskSecretId,
  taskSecretOwner,
  userSecretId,
} from '../../../store/secrets.ts';
import type { ControlDeps } from '../deps.ts';
import { openRotationPassword } from '../passwords.ts';

type Deps = Pick<ControlDeps, 'db' | 'sealer'>;

/** The password that a run sets. Never leaves the process. */
export async function openPending(deps: Deps, { taskId, run }: RotationWork): Promise<string> {
  const text = await openOfTask(deps, taskId, taskSecretId(taskId, run.login));
  if (text === undefined) throw new Error(`task ${taskId} has no password to set`);
  return (JSON.parse(text) as Extract<SubmittedPassword, { kind: 'password' }>).password;
}

/** The password before the run, where it is known: that of an earlier run, or the one of the database's specification. */
export async function openPrevious(deps: Deps, { rotation, run }: RotationWork): Promise<string | undefined> {
  const known = await openRotationPassword(deps, { rotationId: rotation.id, version: rotation.secretVersion });
  if (known !== undefined) return known;
  for (const { id: databaseId } of run.databases) {
    const id = userSecretId(databaseId, run.previousLogin);
    const secret = (await currentSecrets(deps.db, [id])).get(id);
    if (secret !== undefined) return openStored(deps.sealer, secret);
  }
  return undefined;
}

/** What a run must find again as it was, such as a verifier with its salt: made once, and kept sealed until some time after its end. */
export async function onceSealed(
  deps: Deps,
  { taskId }: Pick<RotationWork, 'taskId'>,
  what: string,
  make: () => Promise<string> | string,
): Promise<string> {
  const id = ofTask(taskId, what);
  const known = await openOfTask(deps, taskId, id);
  if (known !== undefined) return known;
  const owner = taskSecretOwner(taskId);
  const { keyId, sealed } = sealStored(deps.sealer, { id, owner, version: 1 }, await make());
  await deps.db.query(
    'INSERT INTO secrets (id, owner, version, key_id, sealed) VALUES ($1, $2, 1, $3, $4) ON CONFLICT DO NOTHING',
    [id, owner, keyId, sealed],
  );
  const kept = await openOfTask(deps, taskId, id);
  if (kept === undefined) throw new Error(`secret ${id} is gone`);
  return kept;
}

/** The same for several runs in one statement; what is kept already stays. */
export async function keepSealed(
  deps: Deps,
  what: string,
  texts: readonly { taskId: string; text: string }[],
): Promise<void> {
  const secrets = texts.map(({ taskId, text }) => {
    const identity = { id: ofTask(taskId, what), owner: taskSecretOwner(taskId), version: 1 };
    return sealStored(deps.sealer, identity, text);
  });
  await deps.db.query(
    `INSERT INTO secrets (id, owner, version, key_id, sealed)
     SELECT s.id, s.owner, 1, s.key_id, s.sealed
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) AS s (id, owner, key_id, sealed) ON CONFLICT DO NOTHING`,
    [
      secrets.map(({ id }) => id),
      secrets.map(({ owner }) => owner),
      secrets.map(({ keyId }) => keyId),
      secrets.map(({ sealed }) => sealed),
    ],
  );
}

/** What {@link onceSealed} has kept; undefined where it never came to that. */
export function sealedBefore(
  deps: Deps,
  { taskId }: Pick<RotationWork, 'taskId'>,
  what: string,
): Promise<string | undefined> {
  return openOfTask(deps, taskId, ofTask(taskId, what));
}

const ofTask = (taskId: string, what: string) => `${taskSecretOwner(taskId)}/rotation/${what}`;

async function openOfTask(deps: Deps, taskId: string, id: string): Promise<string | undefined> {
  const secret = (await currentSecrets(deps.db, [id])).get(id);
  if (secret === undefined) return undefined;
  return deps.sealer.open(
    { secretId: id, owner: taskSecretOwner(taskId), version: secret.version },
    { keyId: secret.keyId, bytes: secret.sealed },
  );
}

/** A password as it is kept as the current one of a rotation. */
export function sealCurrent(
  deps: Pick<ControlDeps, 'sealer'>,
  of: { rotationId: string; version: number; password: string },
): StoredSecret {
  const { rotationId, version, password } = of;
  const identity = { id: rotationSecretId(rotationId), owner: rotationOwner(rotationId), version };
  return sealStored(deps.sealer, identity, password);
}

/** Puts a password on record as the current one of a rotation; the one before goes. */
export async function storeCurrent(
  deps: Pick<ControlDeps, 'sealer'>,
  tx: Queryable,
  of: { rotationId: string; version: number; password: string },
): Promise<void> {
  const current = sealCurrent(deps, of);
  await insertSecrets(tx, [current]);
  const consumers = consumerSecretId(of.rotationId);
  const version = (await currentSecrets(tx, [consumers])).get(consumers)?.version;
  await keepSecrets(tx, {
    owner: current.owner,
    versions: { [current.id]: current.version, ...(version !== undefined && { [consumers]: version }) },
  });
}

/** Secrets of the consumers of a rotation, by their names. */
export async function openConsumerSecrets(deps: Deps, rotationId: string): Promise<ConsumerSecrets> {
  const id = consumerSecretId(rotationId);
  const secret = (await currentSecrets(deps.db, [id])).get(id);
  return secret === undefined ? {} : (JSON.parse(openStored(deps.sealer, secret)) as ConsumerSecrets);
}
