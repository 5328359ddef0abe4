import type { Sealer } from '../../platform/secrets/seal.ts';
import { sealStored } from '../../platform/secrets/seal-stored.ts';
import type { Queryable } from '../../store/connection.ts';
import { channelSecretId } from '../../store/notification-channels.ts';
import { currentSecrets, insertSecrets, keepSecrets } from '../../store/secrets.ts';

/** The secret of a channel, where it has one. Holds the URL of a webhook or a password: never leaves the process. */
export async function openChannelSecret(
  db: Queryable,
  sealer: Sealer,
  channelId: string,
): Promise<{ version: number; text: string } | undefined> {
  const id = channelSecretId(channelId);
  const stored = (await currentSecrets(db, [id])).get(id);
  if (stored === undefined) return undefined;
  const { version, keyId, sealed: bytes } = stored;
  return { version, text: sealer.open({ secretId: id, owner: id, version }, { keyId, bytes }) };
}

/** Seals the secret of a channel in place of the one before. @returns its id; null without one */
export async function storeChannelSecret(
  tx: Queryable,
  sealer: Sealer,
  input: { channelId: string; text: string | undefined; version: number },
): Promise<string | null> {
  const id = channelSecretId(input.channelId);
  const { text, version } = input;
  if (text === undefined) {
    await keepSecrets(tx, { owner: id, versions: {} });
    return null;
  }
  await insertSecrets(tx, [sealStored(sealer, { id, owner: id, version }, text)]);
  await keepSecrets(tx, { owner: id, versions: { [id]: version } });
  return id;
}
