import { type Item, smallestOf } from '../items.ts';

/**
 * Requests in parts for as many connections. Those with a group in common stay together: from 16 on the server lets one transaction at a
 * time add members to a group, and the others would take that for somebody else's lock.
 */
export function leaseShares(items: readonly Item[], parts: number): Item[][] {
  const shares: Item[][] = Array.from({ length: parts }, () => []);
  const holder = new Map<string, Item[]>();
  for (const item of items) {
    const keys = [...item.locks.exclusive, ...item.locks.shared];
    const holders = [...new Set(keys.flatMap((key) => [holder.get(key) ?? []]))].filter((share) => share.length > 0);
    const [share = smallestOf(shares), ...others] = holders;
    // It ties together what was apart.
    for (const other of others) {
      share.push(...other.splice(0));
      for (const [key, held] of holder) if (held === other) holder.set(key, share);
    }
    for (const key of keys) holder.set(key, share);
    share.push(item);
  }
  return shares.filter((share) => share.length > 0);
}
