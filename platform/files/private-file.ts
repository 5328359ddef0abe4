import { randomBytes } from 'node:crypto';
import { access, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../domain/failures.ts';

/**
 * Text of a file that only its owner may read. The permissions are checked on the open file, not on the path.
 * @throws Failure ConfigurationInvalid when it is missing, unreadable, not a regular file, or open to group or others
 */
export async function readPrivateFile(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((err: unknown) => {
    throw unusable(file, errorCode(err) === 'ENOENT' ? 'does not exist' : `cannot be read (${errorCode(err)})`);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) {
      throw unusable(file, 'is not a regular file');
    }
    const permissions = status.mode & 0o777;
    if ((permissions & 0o077) !== 0) {
      throw unusable(file, `has mode ${octal(permissions)}: only its owner may read it; run: chmod 600 ${file}`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * Creates the file with mode 0600, and its directory with mode 0700, unless it exists already. Of several processes that
 * do so at once exactly one creates it, and nobody ever sees a part of it.
 * @returns whether this call created it
 */
export async function createPrivateFile(file: string, text: string): Promise<boolean> {
  // Also where nothing can be written, as beside a secret that a container was given.
  if (await exists(file)) return false;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await writeNewFile(draft, text);
  try {
    await link(draft, file);
    return true;
  } catch (err) {
    if (errorCode(err) === 'EEXIST') {
      return false;
    }
    throw err;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Reads, changes and replaces the file while it holds `<file>.lock`, which is also the draft of the new content: so two
 * changes at once cannot lose one of them.
 * @throws Failure ConfigurationInvalid when the file is unusable or another change is under way
 */
export async function updatePrivateFile(
  file: string,
  change: (text: string) => string | Promise<string>,
): Promise<void> {
  const lock = `${file}.lock`;
  const handle = await open(lock, 'wx', 0o600).catch((err: unknown) => {
    throw errorCode(err) === 'EEXIST'
      ? unusable(file, `is being changed by another process; if there is none, remove ${lock}`)
      : err;
  });
  try {
    await handle.writeFile(await change(await readPrivateFile(file)));
    await handle.sync();
    await rename(lock, file);
  } catch (err) {
    await rm(lock, { force: true });
    throw err;
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function writeNewFile(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unusable(file: string, reason: string): Failure {
  return new Failure('ConfigurationInvalid', `${file} ${reason}`, { details: { file } });
}

function errorCode(err: unknown): string {
  return err instanceof Error && 'code' in err ? String(err.code) : 'unknown error';
}

function octal(permissions: number): string {
  return permissions.toString(8).padStart(4, '0');
}
