import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Installation } from '../installation.ts';

const ERRORS = ['error', 'fatal'];

/** Messages that processes logged as errors, with their number and an example. */
export async function loggedErrors({
  processes,
}: Installation): Promise<Map<string, { count: number; example: string }>> {
  const found = new Map<string, { count: number; example: string }>();
  for (const { logFile, command } of processes) {
    for await (const line of createInterface({ input: createReadStream(logFile, 'utf8'), crlfDelay: Infinity })) {
      const text = errorIn(line);
      if (text === undefined) continue;
      const key = `${command}: ${text}`;
      const known = found.get(key) ?? { count: 0, example: line.slice(0, 1_000) };
      found.set(key, { ...known, count: known.count + 1 });
    }
  }
  return found;
}

function errorIn(line: string): string | undefined {
  try {
    const { level, msg, activityType, err } = JSON.parse(line);
    if (!ERRORS.includes(level)) return undefined;
    return [msg, activityType, err?.message ?? err?.type].filter((part) => part !== undefined).join(' / ');
  } catch {
    // What is no line of the log was written by a process that fell.
    return line.startsWith('{') || line.trim() === '' ? undefined : line.slice(0, 200);
  }
}
