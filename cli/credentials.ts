import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from './errors.ts';

const DEFAULT_URL = 'http://localhost:3000';

/** Where the API is, and who calls. */
export interface Connection {
  url: string;
  /** Undefined where there is none: published routes need none on loopback. */
  token: string | undefined;
  /** Where the token comes from, for messages. */
  tokenSource: string;
}

/**
 * Finds the API and the token: options, then `PGSTEWARD_URL`, `PGSTEWARD_TOKEN` and `PGSTEWARD_TOKEN_FILE`, then those of the
 * development stack. @throws CliError about an address or a file that cannot be used
 */
export async function findConnection(
  env: NodeJS.ProcessEnv,
  options: { url?: string; tokenFile?: string },
): Promise<Connection> {
  const url = (options.url ?? (env.PGSTEWARD_URL || DEFAULT_URL)).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    throw new CliError(`${JSON.stringify(url)} is not an address such as ${DEFAULT_URL}: see PGSTEWARD_URL and --url`);
  }
  const { username, password } = new URL(url);
  if (username !== '' || password !== '') throw new CliError('the address must not have a user or password in it');
  const named = options.tokenFile ?? (env.PGSTEWARD_TOKEN ? undefined : env.PGSTEWARD_TOKEN_FILE || undefined);
  if (named !== undefined) return { url, token: await readToken(named), tokenSource: named };
  if (env.PGSTEWARD_TOKEN) return { url, token: env.PGSTEWARD_TOKEN.trim(), tokenSource: 'PGSTEWARD_TOKEN' };
  const usual = env.PGSTEWARD_ADMIN_TOKEN_FILE || join(env.PGSTEWARD_HOME || '.pgsteward', 'admin-token');
  const token = await readToken(usual).catch(() => undefined);
  return { url, token, tokenSource: usual };
}

async function readToken(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`the token file ${file} cannot be read: ${error.code ?? error.message}`);
  });
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw new CliError(`the token file ${file} holds no token`);
  return token;
}
