import { addToGroup, getOrAdd } from '../groups.ts';
import { compareTexts } from './contents-index.ts';

/** Something that a grantee is granted or loses something on. */
export interface Pair<Target> {
  target: Target;
  /** The same text for the same target; targets are in its order. */
  key: string;
  grantee: string;
}

/** Every grantee with every target: what one GRANT or REVOKE can do. */
export interface Batch<Target> {
  targets: Target[];
  grantees: string[];
}

/** Divides pairs into batches: grantees that have the same targets are one. The order does not depend on that of the pairs. */
export function batchPairs<Target>(pairs: readonly Pair<Target>[]): Batch<Target>[] {
  const targets = new Map<string, Target>();
  for (const { key, target } of pairs) targets.set(key, target);
  const keys = [...targets.keys()].sort(compareTexts);
  const ranks = new Map(keys.map((key, rank) => [key, rank]));
  const ofGrantee = new Map<string, Set<number>>();
  for (const { key, grantee } of pairs) getOrAdd(ofGrantee, grantee, () => new Set()).add(ranks.get(key) ?? 0);
  const batches = new Map<string, string[]>();
  for (const [grantee, set] of ofGrantee) addToGroup(batches, [...set].sort((a, b) => a - b).join(), grantee);
  return [...batches]
    .map(([ranksOfBatch, grantees]) => ({
      targets: ranksOfBatch.split(',').map((rank) => targets.get(keys[Number(rank)] ?? '') as Target),
      grantees: grantees.sort(compareTexts),
    }))
    .sort((a, b) => compareTexts(a.grantees[0] ?? '', b.grantees[0] ?? ''));
}

/** Pieces of at most `size` entries. */
export function chunks<T>(entries: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < entries.length; at += size) pieces.push(entries.slice(at, at + size));
  return pieces;
}
