import type { Sealer } from './seal.ts';

/** Which secret a row of the metadata database is. */
interface Identity {
  id: string;
  owner: string;
  version: number;
}

/** Seals a text as the row that it is kept in; the counterpart of `openStored`. */
export function sealStored<I extends Identity>(
  sealer: Pick<Sealer, 'seal'>,
  identity: I,
  text: string,
): I & { keyId: string; sealed: Buffer } {
  const { id: secretId, owner, version } = identity;
  const { keyId, bytes } = sealer.seal({ secretId, owner, version }, text);
  return { ...identity, keyId, sealed: bytes };
}
