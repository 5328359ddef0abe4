import { createHash } from 'node:crypto';

/** As many entries as there are hosts: lists name each of them thousands of times. */
const hashes = new Map<string, string>();

/** First 8 characters of the base-36 text of SHA-1 of the host id, as published clients know instance ids. No secret. */
export function hostHash(hostId: string): string {
  const known = hashes.get(hostId);
  if (known !== undefined) return known;
  const digest = createHash('sha1').update(hostId).digest('hex');
  const hash = BigInt(`0x${digest}`).toString(36).slice(0, 8);
  hashes.set(hostId, hash);
  return hash;
}
