import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import {
  CompactEncrypt,
  CompactSign,
  type CryptoKey,
  calculateJwkThumbprint,
  compactDecrypt,
  compactVerify,
  importJWK,
  type JWK,
} from 'jose';
import { Failure } from '../../domain/failures.ts';
import { HOST_KEY_ALGORITHM, type HostKeyPair } from './host-key.ts';

/** What an envelope is for. It opens on that host only, and only for that instance and task. */
export interface EnvelopeBinding {
  hostId: string;
  instanceId: string;
  taskId: string;
}

/**
 * Seals an object to one host, as a compact JWE (ECDH-ES+A256KW, A256GCM) around a compact JWS (HS256).
 *
 * The encryption keeps everybody else from reading it. The signature, under a key derived from the join token, keeps
 * those who can write to Temporal and know the host's public key from making one (R13).
 */
export async function sealForHost(input: {
  publicJwk: JWK;
  joinToken: string;
  binding: EnvelopeBinding;
  payload: object;
}): Promise<string> {
  const header = {
    alg: HOST_KEY_ALGORITHM,
    enc: CONTENT_ENCRYPTION,
    cty: 'JWT',
    kid: await calculateJwkThumbprint(input.publicJwk),
    ...bindingOf(input.binding),
  };
  const signed = await new CompactSign(Buffer.from(JSON.stringify(input.payload)))
    .setProtectedHeader({ alg: SIGNATURE })
    .sign(signatureKey(input.joinToken));
  return new CompactEncrypt(Buffer.from(signed))
    .setProtectedHeader(header)
    .encrypt(await importJWK(input.publicJwk, HOST_KEY_ALGORITHM));
}

/**
 * Opens on the host what {@link sealForHost} made.
 * @returns the payload, which the caller parses
 * @throws Failure KeyUnavailable when it was sealed to another key, as happens when the host has just been set up anew;
 *   SecretUnreadable when it was altered, was not made by the control plane, or is for another host, instance or task
 */
export async function openOnHost(input: {
  hostKey: HostKeyPair;
  joinToken: string;
  binding: EnvelopeBinding;
  jwe: string;
}): Promise<unknown> {
  const { plaintext, protectedHeader } = await compactDecrypt(input.jwe, (header) => keyFor(header.kid, input), {
    keyManagementAlgorithms: [HOST_KEY_ALGORITHM],
    contentEncryptionAlgorithms: [CONTENT_ENCRYPTION],
  }).catch((err: unknown) => {
    throw err instanceof Failure ? err : unreadable(input.binding, 'was altered');
  });
  const expected = Object.entries(bindingOf(input.binding));
  if (expected.some(([name, value]) => protectedHeader[name] !== value)) {
    throw unreadable(input.binding, 'is for another host, instance or task');
  }
  const { payload } = await compactVerify(plaintext, signatureKey(input.joinToken), { algorithms: [SIGNATURE] }).catch(
    () => {
      throw unreadable(input.binding, 'was not made with the join token of this host');
    },
  );
  return JSON.parse(Buffer.from(payload).toString('utf8'));
}

const CONTENT_ENCRYPTION = 'A256GCM';
const SIGNATURE = 'HS256';

/** Names of protected header parameters, apart from those that JOSE defines. */
function bindingOf(binding: EnvelopeBinding): Record<string, string> {
  return {
    'pgsteward-host': binding.hostId,
    'pgsteward-instance': binding.instanceId,
    'pgsteward-task': binding.taskId,
  };
}

function keyFor(keyId: string | undefined, input: { hostKey: HostKeyPair; binding: EnvelopeBinding }): CryptoKey {
  if (keyId !== input.hostKey.keyId) {
    throw new Failure(
      'KeyUnavailable',
      `the envelope for ${input.binding.instanceId} is sealed to another key than the one host ${input.binding.hostId} has now`,
      { details: { hostId: input.binding.hostId, instanceId: input.binding.instanceId } },
    );
  }
  return input.hostKey.privateKey;
}

function signatureKey(joinToken: string): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', joinToken, new Uint8Array(), 'pgsteward/host-envelope/v1', 32)),
  );
}

function unreadable(binding: EnvelopeBinding, reason: string): Failure {
  return new Failure('SecretUnreadable', `the envelope for ${binding.instanceId} ${reason}`, {
    details: { ...binding },
  });
}
