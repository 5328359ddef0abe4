import { setTimeout as delay } from 'node:timers/promises';
import { CliError } from './errors.ts';

/** An API that is started again, or moved to another machine, is back within this time. */
const PATIENCE_MS = 120_000;
const PAUSE_MS = 1_000;

/**
 * Asks, and asks again while the API is not there: who waits for a task is not to lose it to a restart.
 * @throws whatever `ask` throws when the API has answered, or has been away for too long
 */
export async function patiently<T>(
  ask: () => Promise<T>,
  { signal, note }: { signal: AbortSignal; note: (line: string) => void },
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || Date.now() > deadline) throw error;
      if (attempt === 1) note(`${error.message}; asking again`);
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}

/** Nothing answered, or something that stands before the API. */
function isAway(error: unknown): error is CliError {
  if (!(error instanceof CliError)) return false;
  return error.unanswered || (error.answer !== undefined && [502, 503, 504].includes(error.answer.status));
}
