import { open } from 'node:fs/promises';

/** Waits until the entries of a directory are on disk: a file that is new or renamed there is, once this has returned. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
