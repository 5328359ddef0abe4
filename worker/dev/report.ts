import type { OnStopped } from '../stop-list.ts';

/** What a person reads on standard output while the development stack starts and stops. */
export interface Report {
  /** A part is ready: one line, where it is or what it does. */
  ready(part: string, text: string): void;
  /** Something takes long, or needs to be known. */
  note(text: string): void;
  stopped: OnStopped;
}

/** The longest name of a part with an ordinary host id. */
const NAME_WIDTH = 24;

/** Lines with the names of the parts in one column. */
export function createReport(say: (line: string) => void): Report {
  const line = (part: string, text: string) => say(`  ${part.padEnd(NAME_WIDTH)} ${text}`);
  return {
    ready: line,
    note: (text) => say(`  … ${text}`),
    stopped: (part, stopped) => line(part, stopped ? 'stopped' : 'NOT stopped; the log has the reason'),
  };
}
