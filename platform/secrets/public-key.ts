import { createPublicKey } from 'node:crypto';

/**
 * A public key in PEM (SPKI, PKCS#1 or a certificate) as the text of a JWK.
 * @returns undefined for what is none, or is a private key
 */
export function publicKeyOfPem(pem: string): string | undefined {
  if (/PRIVATE KEY-----/.test(pem)) return undefined;
  try {
    return JSON.stringify(createPublicKey(pem).export({ format: 'jwk' }));
  } catch {
    return undefined;
  }
}
