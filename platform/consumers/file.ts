import { mkdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import { writePrivateFile } from '../files/write-private-file.ts';
import { below } from './paths.ts';

/** The content of a file of a consumer; null where there is none. @throws Failure NotAllowed */
export async function readConsumerFile(directory: string, path: string): Promise<string | null> {
  const file = await confined(directory, path);
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/**
 * Puts a file in its place at once, readable by its owner alone: whoever owned it before, else the owner of its directory. Null removes
 * it. @throws Failure NotAllowed
 */
export async function writeConsumerFile(directory: string, path: string, content: string | null): Promise<void> {
  const file = await confined(directory, path);
  if (content === null) return rm(file, { force: true });
  const before = await stat(file).catch(() => stat(dirname(file)));
  const owner = process.getuid?.() === 0 ? { uid: before.uid, gid: before.gid } : undefined;
  await writePrivateFile(file, content, owner);
}

/** Directories on the way may be links: where they lead has to be below the directory, too (R16). */
async function confined(directory: string, path: string): Promise<string> {
  const file = below(directory, path);
  const root = await realpath(directory).catch(() => {
    throw new Failure('NotAllowed', `the directory of file consumers, ${directory}, does not exist`);
  });
  await mkdir(dirname(file), { recursive: true, mode: 0o711 });
  const parent = await realpath(dirname(file));
  if (parent === root || parent.startsWith(`${root}/`)) return file;
  throw new Failure('NotAllowed', `${path} leads out of the directory of file consumers`);
}
