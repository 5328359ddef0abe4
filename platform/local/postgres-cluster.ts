import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import { type Account, writePrivateFile } from '../files/write-private-file.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { CONFIGURATION_FILE } from './postgres-configuration.ts';
import { runCommand } from './run-command.ts';

/** A second or two on an ordinary machine; a slow disk under load sets the upper end. */
const INITDB_TIMEOUT_MS = 120_000;
/** First choice: UTF-8 ctype with byte order; systems without that locale get plain C. */
const LOCALES = ['--locale=C.UTF-8', '--no-locale'];

/** What {@link ensureCluster} needs. */
export interface ClusterOptions {
  name: string;
  binaries: PostgresBinaries;
  dataDir: string;
  passwordFile: string;
  superuser: string;
  account: Account | undefined;
  /** Ends initdb. */
  signal?: AbortSignal | undefined;
}

/** Makes the data directory if there is none, and answers with the superuser's password. */
export async function ensureCluster(options: ClusterOptions): Promise<{ password: string }> {
  const { name, dataDir, passwordFile, binaries, account } = options;
  const made = await readIfExists(join(dataDir, 'PG_VERSION'));
  const known = await readIfExists(passwordFile);
  if (made === undefined) {
    const password = known?.trim() ?? randomBytes(24).toString('base64url');
    if (known === undefined) await writePrivateFile(passwordFile, `${password}\n`);
    await createCluster(options, password);
    return { password };
  }
  if (known === undefined) {
    throw new Failure(
      'ServerUnavailable',
      `the password file ${passwordFile} of the ${name} server is missing, but its data directory ${dataDir} exists; ` +
        'restore the file, or remove the directory to begin anew',
    );
  }
  const major = await majorVersion(binaries, account);
  if (made.trim() !== major) {
    throw new Failure(
      'ServerUnavailable',
      `${dataDir} was made by PostgreSQL ${made.trim()}, and the ${name} server is ${major} now; ` +
        'dump and restore it with the former version, or remove the directory to begin anew',
    );
  }
  return { password: known.trim() };
}

/** Runs initdb beside the final place and renames the result, so that a data directory is whole or absent. */
async function createCluster(options: ClusterOptions, password: string): Promise<void> {
  const { name, dataDir, binaries, superuser, account, signal } = options;
  const setup = `${dataDir}.setup`;
  await rm(setup, { recursive: true, force: true });
  await mkdir(setup, { mode: 0o700 });
  try {
    const pwfile = join(setup, 'password');
    await writePrivateFile(pwfile, `${password}\n`, account);
    if (account !== undefined) await chown(setup, account.uid, account.gid);
    const draft = join(setup, 'data');
    const fixed = [
      ...[`--pgdata=${draft}`, `--username=${superuser}`, `--pwfile=${pwfile}`],
      ...['--auth=scram-sha-256', '--encoding=UTF8'],
    ];
    let last = { code: 0, output: '' };
    for (const locale of LOCALES) {
      await rm(draft, { recursive: true, force: true });
      last = await runCommand(binaries.initdb, [...fixed, locale], {
        timeoutMs: INITDB_TIMEOUT_MS,
        as: account,
        signal,
      });
      if (last.code === 0) break;
    }
    if (last.code !== 0) {
      throw new Failure('ServerUnavailable', `initdb could not make the ${name} server's data: ${last.output}`);
    }
    await writeFile(join(draft, 'postgresql.conf'), `include = '${CONFIGURATION_FILE}'\n`, { flag: 'a' });
    await rename(draft, dataDir);
  } finally {
    await rm(setup, { recursive: true, force: true });
  }
}

async function majorVersion(binaries: PostgresBinaries, account: Account | undefined): Promise<string> {
  const { output } = await runCommand(binaries.postgres, ['--version'], { timeoutMs: 10_000, as: account });
  return /\(PostgreSQL\) (\d+)/.exec(output)?.[1] ?? output;
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
