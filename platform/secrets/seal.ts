import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../domain/failures.ts';
import { canonicalBytes, decryptAesGcm, encryptAesGcm } from './aes-gcm.ts';
import type { Keyring } from './keyring.ts';

/** What a sealed secret belongs to. It opens only under the same three, so rows cannot be swapped in the database. */
export interface SecretIdentity {
  secretId: string;
  /** Credential, service or other thing that the secret belongs to. */
  owner: string;
  version: number;
}

/** A secret as it is stored. */
export interface Sealed {
  keyId: string;
  bytes: Buffer;
}

/** Seals secrets for the metadata database, and fingerprints requests that contain passwords. */
export interface Sealer {
  seal(identity: SecretIdentity, plaintext: string): Sealed;
  /** @throws Failure KeyUnavailable, or SecretUnreadable when it was altered or sealed for another identity */
  open(identity: SecretIdentity, sealed: Sealed): string;
  /**
   * HMAC-SHA256 of a text, as `<key id>:<base64url>`: lets two requests be compared later without a way to try out
   * passwords on the stored value.
   */
  fingerprint(text: string): string;
  /**
   * Whether `fingerprint` was made of this text, also when the keyring was rotated in between.
   * @throws Failure KeyUnavailable
   */
  matchesFingerprint(text: string, fingerprint: string): boolean;
}

/** Creates a sealer over the `seal` keyring. Each key is used only through keys derived from it, one per purpose. */
export function createSealer(keyring: Keyring): Sealer {
  const derived = new Map(keyring.keys.map((key) => [key.id, deriveKeys(key.secret)]));
  const keysOf = (keyId: string): DerivedKeys => derived.get(keyId) ?? deriveKeys(keyring.find(keyId).secret);
  const fingerprintUnder = (keyId: string, text: string): string =>
    `${keyId}:${createHmac('sha256', keysOf(keyId).fingerprint).update(text, 'utf8').digest('base64url')}`;

  return {
    seal(identity, plaintext) {
      const keyId = keyring.active.id;
      const associatedData = associatedDataOf(identity, keyId);
      return { keyId, bytes: encryptAesGcm(keysOf(keyId).seal, associatedData, Buffer.from(plaintext, 'utf8')) };
    },
    open(identity, sealed) {
      const key = keysOf(sealed.keyId).seal;
      const plaintext = decryptAesGcm(key, associatedDataOf(identity, sealed.keyId), sealed.bytes);
      if (plaintext === undefined) {
        throw new Failure(
          'SecretUnreadable',
          `secret ${identity.secretId} version ${identity.version} was altered or belongs to another owner: set it anew, or restore the metadata database`,
          { details: { secretId: identity.secretId, version: identity.version, keyId: sealed.keyId } },
        );
      }
      return plaintext.toString('utf8');
    },
    fingerprint: (text) => fingerprintUnder(keyring.active.id, text),
    matchesFingerprint(text, fingerprint) {
      const expected = Buffer.from(fingerprintUnder(fingerprint.split(':', 1).join(), text));
      const actual = Buffer.from(fingerprint);
      return expected.length === actual.length && timingSafeEqual(expected, actual);
    },
  };
}

interface DerivedKeys {
  seal: KeyObject;
  fingerprint: KeyObject;
}

function deriveKeys(secret: KeyObject): DerivedKeys {
  return {
    seal: deriveKey(secret, 'pgsteward/seal/v1/aes-256-gcm'),
    fingerprint: deriveKey(secret, 'pgsteward/seal/v1/fingerprint'),
  };
}

function deriveKey(secret: KeyObject, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), purpose, 32)));
}

function associatedDataOf(identity: SecretIdentity, keyId: string): Buffer {
  return canonicalBytes('pgsteward/seal/v1', keyId, identity.secretId, identity.owner, identity.version);
}
