import type { Queryable } from '../../../store/connection.ts';
import { appendLog, type LogLine } from '../../../store/tasks.ts';
import type { AppliedTransaction } from './apply-document.ts';

/** Transactions that are committed within this time share a statement, and a wait for the disk that theirs wait for as well. */
const TOGETHER_MS = 50;

/**
 * Committed transactions of a task. Its log lists them even where a later one fails, so they are written while the next ones are
 * under way; the last ones are written together with the result.
 */
export interface AppliedLog {
  readonly applied: readonly AppliedTransaction[];
  /** @param more whether other transactions follow */
  note(entry: AppliedTransaction, more: boolean): void;
  /** Lines that are not written yet, and that whoever takes them writes. @throws what kept others from being written */
  rest(): Promise<LogLine[]>;
}

export function createAppliedLog(db: Queryable, taskId: string): AppliedLog {
  const applied: AppliedTransaction[] = [];
  let unwritten: AppliedTransaction[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  function takeUnwritten(): LogLine[] {
    const entries = unwritten.map(describe);
    unwritten = [];
    return entries;
  }

  function write(): void {
    timer = undefined;
    const before = writing;
    writing = Promise.resolve(before).then(() => appendLog(db, { taskId, entries: takeUnwritten() }));
    // Heard of in the end.
    writing.catch(() => undefined);
  }

  return {
    applied,
    note(entry, more) {
      applied.push(entry);
      unwritten.push(entry);
      if (more) timer ??= setTimeout(write, TOGETHER_MS);
    },
    async rest() {
      clearTimeout(timer);
      timer = undefined;
      await writing;
      return takeUnwritten();
    },
  };
}

function describe({ database, steps, changes }: AppliedTransaction): LogLine {
  const where = database === null ? 'server' : `database ${database}`;
  return {
    message: `applied and verified on ${where}: ${changes} changes`,
    fields: { ...(database === null ? {} : { database }), steps: steps.slice(0, MAX_LOGGED_STEPS), changes },
  };
}

/** A log line stays readable; the plan has all of them. */
const MAX_LOGGED_STEPS = 50;
