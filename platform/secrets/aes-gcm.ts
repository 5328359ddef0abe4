import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

/** AES-256-GCM with a fresh random nonce: `nonce (12 bytes) || ciphertext || tag (16 bytes)`. */
export function encryptAesGcm(key: KeyObject, associatedData: Uint8Array, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(associatedData);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The inverse of {@link encryptAesGcm}; undefined when key, associated data or bytes are not the ones used there. */
export function decryptAesGcm(key: KeyObject, associatedData: Uint8Array, bytes: Uint8Array): Buffer | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) {
    return undefined;
  }
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(associatedData)
    .setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  const start = decipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
  try {
    return Buffer.concat([start, decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Unambiguous bytes for a list of texts and numbers, to be used as associated data or as the subject of a MAC. */
export function canonicalBytes(...parts: (string | number)[]): Buffer {
  return Buffer.from(JSON.stringify(parts), 'utf8');
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
