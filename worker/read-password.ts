import { Failure } from '../domain/failures.ts';
import type { PasswordSource } from '../platform/config/config.ts';
import { readPrivateFile } from '../platform/files/private-file.ts';

/** A configured password. @throws Failure ConfigurationInvalid about its file */
export async function readPassword(source: PasswordSource): Promise<string> {
  if (source.kind === 'text') return source.text;
  // An editor ends the line.
  const text = (await readPrivateFile(source.file)).replace(/\r?\n$/, '');
  if (text === '') throw new Failure('ConfigurationInvalid', `${source.file} holds no password`);
  return text;
}
