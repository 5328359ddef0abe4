import type { ServerWork } from '../../../store/server-work.ts';
import type { StepContext } from '../step.ts';
import type { ClearedDatabase } from './clear-database.ts';

/** What a step notes for each database, under `cleared:<database>`. */
export interface ClearedNote {
  /** What was committed. */
  confirmed: ClearedDatabase[];
  /** Noted before the change; committed too, unless the database was cleared again after that. */
  planned?: ClearedDatabase;
}

const PREFIX = 'cleared:';

/** Keeps what is done in a database for the receipt, so that a crash between commit and note loses nothing of it. */
export function noteCleared(context: StepContext<ServerWork>, database: string) {
  const key = `${PREFIX}${database}`;
  const noted = (context.noted[key] as ClearedNote | undefined) ?? { confirmed: [] };
  const keep = async (note: ClearedNote) => {
    context.noted[key] = note;
    await context.note({ [key]: note });
  };
  return {
    planned: (cleared: ClearedDatabase) => keep({ confirmed: noted.confirmed, planned: cleared }),
    confirmed: (cleared: ClearedDatabase) => keep({ confirmed: [...noted.confirmed, cleared] }),
  };
}

/** Everything that steps noted, from their journal details. */
export function clearedIn(details: readonly Record<string, unknown>[]): ClearedDatabase[] {
  return details.flatMap((detail) =>
    Object.entries(detail).flatMap(([key, value]) => {
      if (!key.startsWith(PREFIX)) return [];
      const { confirmed, planned } = value as ClearedNote;
      return planned === undefined ? confirmed : [...confirmed, planned];
    }),
  );
}
