import { PUBLIC } from '../observed.ts';
import { isPublic } from './schema-members.ts';

/** Entries of a submitted list whose shape is right, with their places. */
export function* entriesOf<T>(
  list: readonly (T | undefined)[] | undefined,
  path: string,
): Iterable<[entry: T, at: string]> {
  for (const [index, entry] of (list ?? []).entries()) {
    if (entry !== undefined) yield [entry, `${path}[${index}]`];
  }
}

/** Whether no member of an object had the wrong shape: what it says may be held against others. */
export function isSound(entry: object): boolean {
  return Object.values(entry).every((member) => member !== undefined);
}

/** Entries of a submitted list whose shape is right, each once. */
export function distinct<T>(list: readonly (T | undefined)[] | undefined): T[] {
  return [...new Set((list ?? []).filter((entry) => entry !== undefined))] as T[];
}

/** Grantees as the engine names them, each once. */
export function granteesOf(list: readonly (string | undefined)[] | undefined): string[] {
  return [...new Set(distinct(list).map((name) => (isPublic(name) ? PUBLIC : name)))];
}
