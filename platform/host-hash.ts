import { createHash } from 'node:crypto';

/** First 8 characters of the base-36 text of SHA-1 of the host id, as published clients know instance ids. No secret. */
export function hostHash(hostId: string): string {
  const digest = createHash('sha1').update(hostId).digest('hex');
  return BigInt(`0x${digest}`).toString(36).slice(0, 8);
}
