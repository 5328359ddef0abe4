import { randomBytes } from 'node:crypto';
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
