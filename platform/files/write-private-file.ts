import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from './sync-directory.ts';

/** Owner of a file or process, by number. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * Writes a file that only its owner may read (0600): readers find the old content or the new one, also after a power
 * failure. (PostgREST takes an empty or half-written configuration for a valid one and falls back to defaults.)
 * The draft is made with O_EXCL and renamed: a symbolic link at `path`, in a directory that another account owns, is
 * replaced and never followed.
 */
export async function writePrivateFile(path: string, text: string, owner?: Account): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
