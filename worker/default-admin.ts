import type { ApiDeps } from '../api/deps.ts';
import type { Config } from '../platform/config/config.ts';
import { readPrivateFile } from '../platform/files/private-file.ts';

/** The role that imports register servers with, where one is set up. @throws Failure ConfigurationInvalid about its file */
export async function readDefaultAdmin({ defaultAdmin }: Config): Promise<Pick<ApiDeps, 'defaultAdmin'>> {
  if (defaultAdmin === undefined) return {};
  const { user, password } = defaultAdmin;
  const text = password.kind === 'text' ? password.text : (await readPrivateFile(password.file)).trimEnd();
  return { defaultAdmin: { user, password: text } };
}
