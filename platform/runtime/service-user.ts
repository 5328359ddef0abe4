import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../log.ts';

/** A system user by number. */
export interface ServiceUser {
  uid: number;
  gid: number;
}

/** Conventional "nonroot" of container images; needs no entry in /etc/passwd. */
export const NONROOT: ServiceUser = { uid: 65_532, gid: 65_532 };

/**
 * The user that services run as: `wanted` when we are root and that user may enter `directories` and execute `binary`,
 * otherwise our own. Says so in the log when root has to be used.
 */
export async function chooseServiceUser(options: {
  wanted: ServiceUser;
  directories: readonly string[];
  binary?: string;
  log: Log;
}): Promise<ServiceUser> {
  const own = ownUser();
  if (own.uid !== 0) return own;
  const { wanted, binary, log } = options;
  const entered = [...options.directories, ...(binary === undefined ? [] : [dirname(binary)])];
  const blocked =
    (await firstBlocked(entered.flatMap(withAncestors), wanted, 0o1)) ??
    (binary === undefined ? undefined : await firstBlocked([binary], wanted, 0o5));
  if (blocked === undefined) return wanted;
  log.warn({ path: blocked, uid: wanted.uid }, 'services run as root: the service user may not use this path');
  return own;
}

/** The user that this process runs as. */
export function ownUser(): ServiceUser {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

async function firstBlocked(paths: readonly string[], user: ServiceUser, needed: number): Promise<string | undefined> {
  for (const path of new Set(paths)) {
    const { mode, uid, gid } = await stat(path);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & needed) !== needed) return path;
  }
  return undefined;
}

function withAncestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...withAncestors(parent), path];
}
