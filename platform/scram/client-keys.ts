import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { saslprep } from './saslprep.ts';

/** What the two sides of SCRAM prove to each other that they know (RFC 5802). As good as the password: never logged, never stored. */
export interface ScramClientKeys {
  clientKey: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** What keys are made from. */
export interface ScramKeyInput {
  password: string;
  salt: Uint8Array;
  /** Of PBKDF2. */
  iterations: number;
}

const KEY_BYTES = 32;

const pbkdf2Async = promisify(pbkdf2);

/** Makes keys: for the usual 4096 iterations a millisecond and a half of CPU, in Node's thread pool. */
export async function scramClientKeys({ password, salt, iterations }: ScramKeyInput): Promise<ScramClientKeys> {
  const salted = await pbkdf2Async(saslprep(password), salt, iterations, KEY_BYTES, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  return {
    clientKey,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: createHmac('sha256', salted).update('Server Key').digest(),
  };
}

/** Makes keys, or knows them from the last time. */
export type ScramKeyMaker = (input: ScramKeyInput) => Promise<ScramClientKeys>;

/**
 * Remembers the keys of one login, of which a server has one verifier at a time: logins that begin at the same moment share the
 * work. As `scram_client_key` of libpq from PostgreSQL 18 on.
 */
export function createScramKeyMemory(): ScramKeyMaker {
  let known: { input: ScramKeyInput; keys: Promise<ScramClientKeys> } | undefined;
  return (input) => {
    if (known !== undefined && isSame(known.input, input)) return known.keys;
    const keys = scramClientKeys(input);
    known = { input, keys };
    return keys;
  };
}

function isSame(a: ScramKeyInput, b: ScramKeyInput): boolean {
  return a.iterations === b.iterations && a.password === b.password && Buffer.compare(a.salt, b.salt) === 0;
}
