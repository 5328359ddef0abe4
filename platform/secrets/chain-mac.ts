import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { ChainLink } from '../../domain/audit/chain.ts';
import { canonicalRow } from '../../domain/audit/row.ts';
import { canonicalBytes } from './aes-gcm.ts';
import type { Keyring } from './keyring.ts';

/** Makes the MACs of the audit chain. */
export interface ChainMac {
  /** Key that new entries are made under. */
  readonly keyId: string;
  /**
   * HMAC-SHA-256 of previous MAC, number, key id, times and row, in hexadecimal. @param previous that of the entry before
   * @throws Failure KeyUnavailable
   */
  of(previous: string, link: ChainLink): string;
}

/** A chain-making key is derived from each key of the `seal` keyring, so that rotating that one rotates this one. */
export function createChainMac(keyring: Keyring): ChainMac {
  const derived = new Map<string, KeyObject>();
  const keyOf = (keyId: string): KeyObject => {
    const key = derived.get(keyId) ?? deriveKey(keyring.find(keyId).secret);
    derived.set(keyId, key);
    return key;
  };
  return {
    keyId: keyring.active.id,
    of(previous, { seq, keyId, sealedAt, absentAt, row }) {
      const number = Buffer.alloc(8);
      number.writeBigInt64BE(BigInt(seq));
      return createHmac('sha256', keyOf(keyId))
        .update(Buffer.from(previous, 'hex'))
        .update(number)
        .update(canonicalBytes(keyId, sealedAt, absentAt ?? '', canonicalRow(row)))
        .digest('hex');
    },
  };
}

/** What stands for the MAC before the first entry: the chain of one installation is none of another's. */
export function chainBeginning(installationId: string): string {
  return createHash('sha256').update(canonicalBytes(PURPOSE, installationId)).digest('hex');
}

const PURPOSE = 'pgsteward/seal/v1/audit-chain';

function deriveKey(secret: KeyObject): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), PURPOSE, 32)));
}
