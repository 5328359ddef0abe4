import type { Sealer, SecretIdentity } from './seal.ts';

/** A sealed secret as the metadata database has it. */
interface Stored {
  id: string;
  owner: string;
  version: SecretIdentity['version'];
  keyId: string;
  sealed: Buffer;
}

/**
 * Opens a secret as what its row says it is. Where the owner is known beforehand, `sealer.open` with that owner also refuses
 * rows of others. @throws Failure KeyUnavailable, SecretUnreadable
 */
export function openStored(sealer: Pick<Sealer, 'open'>, { id, owner, version, keyId, sealed }: Stored): string {
  return sealer.open({ secretId: id, owner, version }, { keyId, bytes: sealed });
}
