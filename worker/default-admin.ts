import type { ApiDeps } from '../api/deps.ts';
import type { Config } from '../platform/config/config.ts';
import { readPassword } from './read-password.ts';

/** The role that imports register servers with, where one is set up. */
export async function readDefaultAdmin({ defaultAdmin }: Config): Promise<Pick<ApiDeps, 'defaultAdmin'>> {
  if (defaultAdmin === undefined) return {};
  const { user, password } = defaultAdmin;
  return { defaultAdmin: { user, password: await readPassword(password) } };
}
