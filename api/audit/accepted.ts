import type { Caller } from '../caller.ts';

const accepted = new WeakSet<object>();

/** Notes that a request is on record, after the commit: an error that its answer tells of is no refusal, but what became of it. */
export function noteAccepted(caller: Caller): void {
  accepted.add(caller);
}

/** Whether the request of this caller is on record. */
export function isAccepted(caller: Caller): boolean {
  return accepted.has(caller);
}
