import { chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from '../../platform/files/write-private-file.ts';
import type { ServiceUser } from '../../platform/runtime/service-user.ts';

/** Makes a directory hold exactly these files, readable by `owner` alone. */
export async function writeServiceDirectory(
  directory: string,
  files: ReadonlyMap<string, string>,
  owner: ServiceUser,
): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chown(directory, owner.uid, owner.gid);
  for (const [name, content] of files) await writePrivateFile(join(directory, name), content, owner);
  const outdated = (await readdir(directory)).filter((name) => !files.has(name));
  for (const name of outdated) await rm(join(directory, name), { recursive: true });
}
