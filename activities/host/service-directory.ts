import { chown, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SERVICE_FILES } from '../../domain/postgrest/conf.ts';
import { writePrivateFile } from '../../platform/files/write-private-file.ts';
import type { ServiceUser } from '../../platform/runtime/service-user.ts';

/**
 * Makes a directory hold exactly these files, readable by `owner` alone. Each is replaced at once; the configuration goes
 * after what it names, and what it does not name any more goes last.
 */
export async function writeServiceDirectory(
  directory: string,
  files: ReadonlyMap<string, string>,
  owner: ServiceUser,
): Promise<void> {
  // The service's user passes through, and sees only what belongs to it.
  await mkdir(dirname(directory), { recursive: true, mode: 0o711 });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chown(directory, owner.uid, owner.gid);
  const isConfiguration = ([name]: [string, string]) => Number(name === SERVICE_FILES.conf);
  const ordered = [...files].sort((one, other) => isConfiguration(one) - isConfiguration(other));
  for (const [name, content] of ordered) await writePrivateFile(join(directory, name), content, owner);
  const outdated = (await readdir(directory)).filter((name) => !files.has(name));
  for (const name of outdated) await rm(join(directory, name), { recursive: true });
}

/** The files of a directory, by name. */
export async function readServiceDirectory(directory: string): Promise<Map<string, string>> {
  const names = await readdir(directory);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)),
  );
}

/**
 * Copies a directory of files, by way of a `draft` that is renamed: the copy is there altogether or not at all. It
 * replaces an older one.
 */
export async function copyServiceDirectory(
  { from, draft, to }: { from: string; draft: string; to: string },
  owner: ServiceUser,
): Promise<void> {
  await writeServiceDirectory(draft, await readServiceDirectory(from), owner);
  await rm(to, { recursive: true, force: true });
  await rename(draft, to);
}
