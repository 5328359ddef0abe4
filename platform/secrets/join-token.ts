import { createHash, randomBytes } from 'node:crypto';
import { Failure } from '../../domain/failures.ts';
import { createPrivateFile, readPrivateFile } from '../files/private-file.ts';

/**
 * Reads the token that control workers and host workers share: 16 characters or more in a file of mode 0600.
 * @throws Failure ConfigurationInvalid
 */
export async function loadJoinToken(file: string): Promise<string> {
  const token = (await readPrivateFile(file)).trim();
  if (token.length < MIN_LENGTH) {
    throw new Failure('ConfigurationInvalid', `${file} holds no join token of ${MIN_LENGTH} characters or more`, {
      details: { file },
    });
  }
  return token;
}

/** The same as {@link loadJoinToken}, after creating the file with a random token where it is missing. */
export async function ensureJoinToken(file: string): Promise<string> {
  await createPrivateFile(file, `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`);
  return loadJoinToken(file);
}

const TOKEN_BYTES = 32;
const MIN_LENGTH = 16;

/** What a worker proves its claim with, and opens what is sealed for its host with. */
export interface JoinKey {
  key: string;
  /** Of a named token; undefined for the shared one. */
  tokenId: string | undefined;
}

/** The key of a token: the shared one is its own key, that of a named one is a hash of it, so that nobody has to keep the token. */
export function joinKeyOf(token: string): JoinKey {
  const [, hex] = NAMED.exec(token) ?? [];
  if (hex === undefined) return { key: token, tokenId: undefined };
  const key = createHash('sha256').update('pgsteward/join-token/v1\n').update(token).digest('base64url');
  return { key, tokenId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') };
}

/** A named token with its key. @param id UUID */
export function makeJoinToken(id: string): { text: string; key: string } {
  const text = `${PREFIX}${id.replaceAll('-', '')}_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
  return { text, key: joinKeyOf(text).key };
}

const PREFIX = 'pgsj_';
const NAMED = /^pgsj_([0-9a-f]{32})_[A-Za-z0-9_-]{43}$/;
