import { Failure } from '../../domain/failures.ts';

/** Begins one start; an aborted signal asks it to give up. */
export type Begin = <T>(start: (options: { signal: AbortSignal }) => Promise<T>) => Promise<T>;

/**
 * Runs starts side by side. When one fails the others are asked to give up, and all have ended before this rejects:
 * what is still starting cannot be stopped. Several failures, such as several taken ports, are reported together.
 */
export async function startTogether<T extends Promise<unknown>[]>(
  signal: AbortSignal,
  starts: (begin: Begin) => [...T],
): Promise<{ [Index in keyof T]: Awaited<T[Index]> }> {
  const failed = new AbortController();
  const giveUp = AbortSignal.any([signal, failed.signal]);
  const begun = starts(async (start) => {
    try {
      return await start({ signal: giveUp });
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  const results = await Promise.allSettled(begun);
  // Those that gave up for another's sake throw that one's error.
  const errors = new Set(results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
  const failures = [...errors].filter((error) => error instanceof Failure);
  const [first, ...more] = failures;
  if (first !== undefined && more.length > 0) {
    throw new Failure(first.type, failures.map(({ message }) => message).join('\n'), { cause: first });
  }
  return Promise.all(begun);
}
