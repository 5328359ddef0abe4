import { dirname } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import type { Account } from '../files/write-private-file.ts';
import { runCommand } from './run-command.ts';

/** System user that PostgreSQL runs as when we are root: it refuses to run as root itself. */
const SERVER_USER = 'postgres';
/** Look-ups and the creation of one local user; network user databases (LDAP) set the upper end. */
const COMMAND_TIMEOUT_MS = 15_000;
/** Prints the first of its arguments that the user who runs it may not enter. */
const FIRST_BLOCKED = 'for path; do [ -x "$path" ] || { printf %s "$path"; exit 1; }; done';

/**
 * The account that local servers run as: undefined (our own) for an ordinary user; for root the system user `postgres`,
 * created where it is missing.
 */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const existing = await findUser();
  if (existing !== undefined) return existing;
  const groupadd = await tryRun('groupadd', ['--force', '--system', SERVER_USER]);
  const useradd = await tryRun('useradd', [
    ...['--system', '--gid', SERVER_USER, '--no-create-home', '--home-dir', '/nonexistent'],
    ...['--shell', '/usr/sbin/nologin', SERVER_USER],
  ]);
  // Looked up again whatever useradd said: two servers that start together both try to create the user.
  const created = await findUser();
  if (created !== undefined) return created;
  throw new Failure(
    'ServerUnavailable',
    `PostgreSQL does not run as root, and the system user ${SERVER_USER} could not be created ` +
      `(${[groupadd, useradd].filter((text) => text !== '').join('; ')}); create it, or run as an ordinary user`,
  );
}

/**
 * Checks, as the account itself, that it may enter every directory above `paths` and may enter or execute the paths.
 * @throws Failure naming the first directory that blocks it, and what to do about it.
 */
export async function assertReachable(account: Account, paths: readonly string[]): Promise<void> {
  const steps = [...new Set(paths.flatMap((path) => [...ancestors(path), path]))];
  const { code, output } = await runCommand('/bin/sh', ['-c', FIRST_BLOCKED, 'sh', ...steps], {
    timeoutMs: COMMAND_TIMEOUT_MS,
    as: account,
  });
  if (code === 0) return;
  throw new Failure(
    'ServerUnavailable',
    `PostgreSQL runs as the system user ${SERVER_USER} because you are root, and that user may not enter ${output}; ` +
      `allow it (chmod o+x ${output}), use a directory that other users may enter (clone elsewhere, or move the ` +
      'state with PGSTEWARD_HOME), or run as an ordinary user',
    { details: { directory: output } },
  );
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestors(parent), parent];
}

async function findUser(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map(userNumber));
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

async function userNumber(flag: string): Promise<number | undefined> {
  const { code, output } = await runCommand('id', [flag, SERVER_USER], { timeoutMs: COMMAND_TIMEOUT_MS });
  return code === 0 ? Number(output) : undefined;
}

/** What the command complained about; empty when it succeeded. */
async function tryRun(command: string, args: string[]): Promise<string> {
  try {
    const { code, output } = await runCommand(command, args, { timeoutMs: COMMAND_TIMEOUT_MS });
    return code === 0 ? '' : `${command}: ${output}`;
  } catch (error) {
    return `${command}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
