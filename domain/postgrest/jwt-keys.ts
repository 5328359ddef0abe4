/**
 * Keys that a service verifies tokens with. PostgREST takes a secret as it is, a JWK, or a set of JWKs; of a set it tries every key,
 * whatever `kid` a token names (measured with 12.0.2).
 */

/** A public or symmetric key (RFC 7517). */
export type Jwk = { kty: string } & Readonly<Record<string, unknown>>;

/** HS256 takes no shorter key. */
const MIN_SECRET_BYTES = 32;
/** 2048 bits: RFC 7518, 3.3. */
const MIN_MODULUS_BYTES = 256;
/** Tries of each request: more keys are a mistake. */
const MOST_KEYS = 16;
const CURVES: ReadonlySet<unknown> = new Set(['P-256', 'P-384', 'P-521']);
/** Members of private keys. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'] as const;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** A secret as text, or keys. */
export type JwtKeys = { kind: 'text'; text: string } | { kind: 'keys'; keys: Jwk[] };

/** What a `jwt_secret` is. What looks like JSON has to be a key: PostgREST would take a broken one for a secret that everybody can guess. */
export function readJwtKeys(text: string): JwtKeys | { problem: string } {
  if (text.startsWith('-----BEGIN'))
    return { problem: 'must not be PEM, which PostgREST does not read: give it as a JWK' };
  const value = text.trimStart().startsWith('{') ? parsedObject(text) : undefined;
  if (value === undefined) {
    return byteLength(text) < MIN_SECRET_BYTES
      ? { problem: `must be at least ${MIN_SECRET_BYTES} characters` }
      : { kind: 'text', text };
  }
  if (value.keys === undefined) {
    const problem = keyProblem(value);
    return problem === undefined ? { kind: 'keys', keys: [value as Jwk] } : { problem };
  }
  const { keys } = value;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS) {
    return { problem: `must have 1 to ${MOST_KEYS} keys in "keys"` };
  }
  for (const [index, key] of keys.entries()) {
    const problem = isObject(key) ? keyProblem(key) : 'must be an object';
    if (problem !== undefined) return { problem: `keys[${index}] ${problem}` };
  }
  return { kind: 'keys', keys };
}

/** A set in which the new keys come first, and everything that was accepted so far after them. */
export function overlapOf(next: JwtKeys, previous: JwtKeys): { text: string; newKeys: number } {
  const keys = keysOf(next);
  return { text: JSON.stringify({ keys: [...keys, ...keysOf(previous)] }), newKeys: keys.length };
}

/** What is left when the former keys of a set go: a secret that was given as text is text again. */
export function withoutFormer(overlap: string, of: { newKeys: number; asText: boolean }): string {
  const read = readJwtKeys(overlap);
  if ('problem' in read || read.kind === 'text') throw new Error('a set of keys is none');
  const keys = read.keys.slice(0, of.newKeys);
  const [only, ...others] = keys;
  if (of.asText && only !== undefined && typeof only.k === 'string') return textOf(only.k);
  return JSON.stringify(others.length === 0 ? only : { keys });
}

function keysOf(keys: JwtKeys): Jwk[] {
  return keys.kind === 'keys' ? keys.keys : [{ kty: 'oct', k: base64url(new TextEncoder().encode(keys.text)) }];
}

function keyProblem(key: Readonly<Record<string, unknown>>): string | undefined {
  const secret = PRIVATE_MEMBERS.filter((member) => key[member] !== undefined);
  if (secret.length > 0) return 'is a private key: a service only verifies, give it the public one';
  switch (key.kty) {
    case 'oct':
      return bytesIn(key.k) < MIN_SECRET_BYTES
        ? `must have at least ${MIN_SECRET_BYTES} bytes in "k", written in base64url`
        : undefined;
    case 'RSA':
      return bytesIn(key.n) < MIN_MODULUS_BYTES || bytesIn(key.e) === 0
        ? 'must have a modulus "n" of at least 2048 bits and an exponent "e", written in base64url'
        : undefined;
    case 'EC':
      return !CURVES.has(key.crv) || bytesIn(key.x) === 0 || bytesIn(key.y) === 0
        ? 'must have "crv" P-256, P-384 or P-521, and "x" and "y", written in base64url'
        : undefined;
    default:
      return 'is JSON, and neither a JWK (with "kty" oct, RSA or EC) nor a set of them (with "keys")';
  }
}

/** Length of what a member says; 0 where it is no base64url. */
function bytesIn(value: unknown): number {
  return typeof value === 'string' && BASE64URL.test(value) ? Math.floor((value.length * 3) / 4) : 0;
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const byteLength = (text: string): number => new TextEncoder().encode(text).length;

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

function textOf(encoded: string): string {
  const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
    Uint8Array.from(binary, (character) => character.charCodeAt(0)),
  );
}
