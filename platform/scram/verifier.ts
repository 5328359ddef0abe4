import { randomBytes, timingSafeEqual } from 'node:crypto';
import { scramClientKeys } from './client-keys.ts';

/** Input of {@link scramVerifier}. */
export interface ScramInput {
  /** The password in the clear; see `assertPasswordAllowed` for what it may not contain. */
  password: string;
  /** PBKDF2 iterations: the server's `scram_iterations` (4096 before PostgreSQL 16). */
  iterations: number;
  /** 16 random bytes when absent, as PostgreSQL draws them. */
  salt?: Uint8Array;
}

/**
 * Computes what PostgreSQL would store in `pg_authid.rolpassword` for a password:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64 (RFC 5802, RFC 7677).
 *
 * Made here, so that the password itself never reaches the server or its logs.
 */
export async function scramVerifier(input: ScramInput): Promise<string> {
  const salt = input.salt ?? randomBytes(SALT_BYTES);
  const { storedKey, serverKey } = await scramClientKeys({ ...input, salt });
  return `${MECHANISM}$${input.iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

/**
 * Whether PostgreSQL stores this text as it is. Strict, because the server takes anything else for a password in the clear
 * and silently hashes it.
 */
export function isScramVerifier(text: string): boolean {
  return parseVerifier(text) !== undefined;
}

/** Whether `verifier` was made from `password`; false for anything that is not a verifier. Compares in constant time. */
export async function verifierMatches(password: string, verifier: string): Promise<boolean> {
  const parsed = parseVerifier(verifier);
  if (parsed === undefined) {
    return false;
  }
  const keys = await scramClientKeys({ password, iterations: parsed.iterations, salt: parsed.salt });
  const storedKeyMatches = timingSafeEqual(keys.storedKey, parsed.storedKey);
  const serverKeyMatches = timingSafeEqual(keys.serverKey, parsed.serverKey);
  return storedKeyMatches && serverKeyMatches;
}

const MECHANISM = 'SCRAM-SHA-256';
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** `scram_iterations` is a positive int. */
const MAX_ITERATIONS = 2 ** 31 - 1;
/** MAX_ENCRYPTED_PASSWORD_LEN of PostgreSQL: a longer one is refused. */
const MAX_VERIFIER_LENGTH = 512;
const VERIFIER_PATTERN = /^SCRAM-SHA-256\$([1-9][0-9]{0,9}):([^$:]+)\$([^$:]+):([^$:]+)$/;

interface ParsedVerifier {
  iterations: number;
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

function parseVerifier(text: string): ParsedVerifier | undefined {
  const [, iterationsText, saltText, storedKeyText, serverKeyText] = VERIFIER_PATTERN.exec(text) ?? [];
  const iterations = Number(iterationsText);
  const salt = fromBase64(saltText);
  const storedKey = fromBase64(storedKeyText);
  const serverKey = fromBase64(serverKeyText);
  if (text.length > MAX_VERIFIER_LENGTH || salt === undefined || storedKey === undefined || serverKey === undefined) {
    return undefined;
  }
  if (iterations > MAX_ITERATIONS || storedKey.length !== KEY_BYTES || serverKey.length !== KEY_BYTES) {
    return undefined;
  }
  return { iterations, salt, storedKey, serverKey };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Canonical base64 only: Node otherwise skips what it does not understand, and PostgreSQL does not. */
function fromBase64(text: string | undefined): Buffer | undefined {
  if (text === undefined) {
    return undefined;
  }
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
