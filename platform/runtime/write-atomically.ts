import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ServiceUser } from './service-user.ts';

/**
 * Replaces a file as a whole, mode 0600: a reader finds the old content or the new one, also after a power failure.
 * (PostgREST takes an empty or half-written file for a valid one and falls back to defaults.)
 */
export async function writeAtomically(path: string, content: string, owner?: ServiceUser): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
