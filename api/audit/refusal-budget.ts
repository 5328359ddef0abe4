const WINDOW_MS = 60_000;
/** Above what a person or a pipeline that works gets refused. One that does not fills the log with this much and no more. */
const PER_WINDOW = 300;
/** Accounts that are kept in mind; there are fewer windows open at a time. */
const MAX_ACCOUNTS = 10_000;

interface Window {
  endsAt: number;
  rows: number;
  /** Refused requests without a row, since the last row. */
  unrecorded: number;
}

/** How many refusals of an account are recorded: rows are never removed, so nobody may add them without a bound. */
export interface RefusalBudget {
  /** Undefined when this one is not to be recorded; else how many before it were not. */
  take(account: string, now?: number): { unrecorded: number } | undefined;
}

/** One per process. */
export function createRefusalBudget(perWindow = PER_WINDOW): RefusalBudget {
  const windows = new Map<string, Window>();

  function windowOf(account: string, now: number): Window {
    const known = windows.get(account);
    if (known !== undefined && known.endsAt > now) return known;
    if (windows.size >= MAX_ACCOUNTS) {
      for (const [name, { endsAt, unrecorded }] of windows) if (endsAt <= now && unrecorded === 0) windows.delete(name);
    }
    const next = { endsAt: now + WINDOW_MS, rows: 0, unrecorded: known?.unrecorded ?? 0 };
    windows.set(account, next);
    return next;
  }

  return {
    take(account, now = Date.now()) {
      const window = windowOf(account, now);
      if (window.rows >= perWindow) {
        window.unrecorded += 1;
        return undefined;
      }
      const { unrecorded } = window;
      window.rows += 1;
      window.unrecorded = 0;
      return { unrecorded };
    },
  };
}
