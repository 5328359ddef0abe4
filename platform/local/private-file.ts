import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Owner of a file or process, by number. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * Writes a file that only its owner may read (0600), whole or not at all.
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
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
