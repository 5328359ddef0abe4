import type { Queryable } from '../../../store/connection.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { AppliedTransaction } from './apply-document.ts';

/**
 * Committed transactions of a task. Its log lists them even where a later one fails, so they are written while the next ones are
 * under way; the last ones are written together with the result.
 */
export interface AppliedLog {
  readonly applied: readonly AppliedTransaction[];
  /** @param more whether other transactions follow */
  note(entry: AppliedTransaction, more: boolean): void;
  /** Writes what is not written yet. @throws what kept an entry from being written */
  write(db: Queryable): Promise<void>;
}

export function createAppliedLog(pool: Queryable, taskId: string): AppliedLog {
  const applied: AppliedTransaction[] = [];
  let unwritten: AppliedTransaction[] = [];
  let writing: Promise<void> | undefined;

  /** Those that come while a statement is under way share the next one. */
  async function writeAll(db: Queryable): Promise<void> {
    while (unwritten.length > 0) {
      const entries = unwritten.map(describe);
      unwritten = [];
      await appendLog(db, { taskId, entries });
    }
  }

  async function writeMeanwhile(): Promise<void> {
    await writeAll(pool);
    writing = undefined;
  }

  return {
    applied,
    note(entry, more) {
      applied.push(entry);
      unwritten.push(entry);
      if (!more) return;
      writing ??= writeMeanwhile();
      // Heard of in the end.
      writing.catch(() => undefined);
    },
    async write(db) {
      await writing;
      await writeAll(db);
    },
  };
}

function describe({ database, steps, changes }: AppliedTransaction): {
  message: string;
  fields: Record<string, unknown>;
} {
  const where = database === null ? 'server' : `database ${database}`;
  return {
    message: `applied and verified on ${where}: ${changes} changes`,
    fields: { ...(database === null ? {} : { database }), steps: steps.slice(0, MAX_LOGGED_STEPS), changes },
  };
}

/** A log line stays readable; the plan has all of them. */
const MAX_LOGGED_STEPS = 50;
