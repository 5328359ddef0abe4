import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { Failure } from '../../domain/failures.ts';
import { canonicalBytes, decryptAesGcm, encryptAesGcm } from '../secrets/aes-gcm.ts';
import type { Keyring } from '../secrets/keyring.ts';

/**
 * Encrypts every payload before it leaves the process, with AES-256-GCM under the active key of the `codec` keyring.
 *
 * The whole payload, its metadata included, becomes the data of a new one, whose own metadata names encoding, cipher and
 * key id. Key id and namespace are authenticated; workflow ids are not, because the codec server of the Temporal UI sees
 * only payloads and a namespace. Payloads that are not encrypted are decoded as they are.
 */
export function createEncryptionCodec({ keyring, namespace }: { keyring: Keyring; namespace: string }): PayloadCodec {
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(payload, keyring, namespace)),
    decode: async (payloads) => payloads.map((payload) => decrypt(payload, keyring, namespace)),
  };
}

const ENCODING = 'binary/encrypted';
const CIPHER = 'AES-256-GCM';
const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

function encrypt(payload: Payload, keyring: Keyring, namespace: string): Payload {
  const { id, secret } = keyring.active;
  return {
    metadata: {
      encoding: Buffer.from(ENCODING),
      'encryption-cipher': Buffer.from(CIPHER),
      'encryption-key-id': Buffer.from(id),
    },
    data: encryptAesGcm(secret, associatedDataOf(id, namespace), PayloadMessage.encode(payload).finish()),
  };
}

function decrypt(payload: Payload, keyring: Keyring, namespace: string): Payload {
  if (metadataText(payload, 'encoding') !== ENCODING) {
    return payload;
  }
  const key = keyring.find(metadataText(payload, 'encryption-key-id'));
  const associatedData = associatedDataOf(key.id, namespace);
  const plaintext = decryptAesGcm(key.secret, associatedData, payload.data ?? new Uint8Array());
  if (plaintext === undefined) {
    throw new Failure('SecretUnreadable', `a payload was altered or does not belong to namespace ${namespace}`, {
      details: { namespace, keyId: key.id },
    });
  }
  return PayloadMessage.decode(plaintext);
}

function metadataText(payload: Payload, name: string): string {
  return Buffer.from(payload.metadata?.[name] ?? '').toString('utf8');
}

function associatedDataOf(keyId: string, namespace: string): Buffer {
  return canonicalBytes(ENCODING, CIPHER, keyId, namespace);
}
