import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { createPrivateFile, readPrivateFile } from '../files/private-file.ts';

/** Key pair of one host. The private half is a CryptoKey that cannot be exported or printed. */
export interface HostKeyPair {
  /** RFC 7638 thumbprint of the public half. */
  readonly keyId: string;
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
}

/** Key agreement and wrapping by which content keys reach a host. */
export const HOST_KEY_ALGORITHM = 'ECDH-ES+A256KW';

/** Creates a P-256 key pair that lives in this process only. */
export async function createHostKeyPair(): Promise<HostKeyPair> {
  return toKeyPair(await newPrivateJwk());
}

/**
 * Reads the host's private key (a JWK in a file of mode 0600), after creating it where it is missing.
 * @throws Failure ConfigurationInvalid; its message never quotes the content
 */
export async function loadOrCreateHostKey(file: string): Promise<HostKeyPair> {
  await createPrivateFile(file, `${JSON.stringify(await newPrivateJwk())}\n`);
  const text = await readPrivateFile(file);
  try {
    return await toKeyPair(privateJwkSchema.parse(JSON.parse(text)));
  } catch {
    // Without its cause: errors of parsers quote what they could not read.
    throw new Failure('ConfigurationInvalid', `${file} is not a private P-256 key in JWK form`, { details: { file } });
  }
}

const privateJwkSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
});

type PrivateJwk = z.infer<typeof privateJwkSchema>;

async function newPrivateJwk(): Promise<PrivateJwk> {
  const { privateKey } = await generateKeyPair(HOST_KEY_ALGORITHM, { crv: 'P-256', extractable: true });
  return privateJwkSchema.parse(await exportJWK(privateKey));
}

async function toKeyPair(privateJwk: PrivateJwk): Promise<HostKeyPair> {
  const { kty, crv, x, y } = privateJwk;
  const publicJwk: JWK = { kty, crv, x, y };
  const privateKey = await importJWK(privateJwk, HOST_KEY_ALGORITHM, { extractable: false });
  if (privateKey instanceof Uint8Array) {
    throw new TypeError('not an asymmetric key');
  }
  return Object.freeze({ keyId: await calculateJwkThumbprint(publicJwk), publicJwk, privateKey });
}
