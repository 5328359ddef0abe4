import type { Caller } from '../../caller.ts';

/** The caller of a request that it did not ask for itself: its key belongs to what it asked for. */
export function withoutKey({ idempotencyKey: _, ...caller }: Caller): Caller {
  return caller;
}
