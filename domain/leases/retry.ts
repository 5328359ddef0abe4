/** How often and when the end of a lease is tried again. */

const FIRST_MS = 1_000;
const LONGEST_MS = 64_000;
/** What somebody was told of is tried again this often, where that can help: the server may come back. */
const AFTER_FAILURE_MS = 5 * 60_000;

/** What becomes of a lease that could not be ended. */
export interface NextTry {
  state: 'ending' | 'failed';
  /** Null: somebody has to do something first. */
  afterMs: number | null;
}

/**
 * @param of.attempts how often it has been tried, this time included
 * @param of.retryable whether the same can succeed later
 * @param of.most how often before somebody is told
 */
export function nextTry(of: { attempts: number; retryable: boolean; most: number }): NextTry {
  if (!of.retryable) return { state: 'failed', afterMs: null };
  if (of.attempts >= of.most) return { state: 'failed', afterMs: AFTER_FAILURE_MS };
  return { state: 'ending', afterMs: Math.min(LONGEST_MS, FIRST_MS * 2 ** (of.attempts - 1)) };
}
