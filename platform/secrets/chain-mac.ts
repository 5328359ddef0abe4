import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { ChainLink } from '../../domain/audit/chain.ts';
import type { ChainCheckpoint } from '../../domain/audit/checkpoint.ts';
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
  /**
   * HMAC-SHA-256 of a checkpoint of the chain with this beginning, in hexadecimal, under a key of its own: it is the MAC of no entry.
   * @throws Failure KeyUnavailable
   */
  ofCheckpoint(beginning: string, checkpoint: ChainCheckpoint): string;
}

/** A chain-making key is derived from each key of the `seal` keyring, so that rotating that one rotates this one. */
export function createChainMac(keyring: Keyring): ChainMac {
  const keyOf = keysFor(keyring, PURPOSE);
  const checkpointKeyOf = keysFor(keyring, CHECKPOINT_PURPOSE);
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
    ofCheckpoint(beginning, { seq, auditId, head, removed, keyId, madeAt }) {
      return createHmac('sha256', checkpointKeyOf(keyId))
        .update(canonicalBytes(beginning, seq, auditId, head, removed, keyId, madeAt))
        .digest('hex');
    },
  };
}

/** What stands for the MAC before the first entry: the chain of one installation is none of another's. */
export function chainBeginning(installationId: string): string {
  return createHash('sha256').update(canonicalBytes(PURPOSE, installationId)).digest('hex');
}

const PURPOSE = 'pgsteward/seal/v1/audit-chain';
const CHECKPOINT_PURPOSE = 'pgsteward/seal/v1/audit-checkpoint';

function keysFor(keyring: Keyring, purpose: string): (keyId: string) => KeyObject {
  const derived = new Map<string, KeyObject>();
  return (keyId) => {
    const key = derived.get(keyId) ?? deriveKey(keyring.find(keyId).secret, purpose);
    derived.set(keyId, key);
    return key;
  };
}

function deriveKey(secret: KeyObject, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), purpose, 32)));
}
