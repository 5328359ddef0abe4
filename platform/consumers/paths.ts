import { isAbsolute, join, normalize, sep } from 'node:path';

/** A path below a directory, as files of consumers are named: no way up, no absolute path, no NUL. */
export function isBelow(path: string): boolean {
  if (path === '' || path.includes('\0') || isAbsolute(path) || path.endsWith('/')) return false;
  return normalize(path) === path && !path.split(sep).includes('..') && path !== '.';
}

export function below(directory: string, path: string): string {
  if (!isBelow(path)) throw new Error(`${JSON.stringify(path)} is no path below the directory of consumers`);
  return join(directory, path);
}
