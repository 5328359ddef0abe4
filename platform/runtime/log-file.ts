import { open, stat, truncate } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogSequence, type LogWatch } from './log-sequence.ts';

/** More than any tail that is asked for. */
const TAIL_MAX_BYTES = 64 * 1024;
const POLL_MS = 10;

/** Newest lines of a log file, oldest first; none when there is no file. */
export async function tailLogFile(path: string, lines: number): Promise<string[]> {
  const text = await readFrom(path, (await sizeOf(path)) - TAIL_MAX_BYTES);
  return text
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .slice(-lines);
}

/** Begins a log anew when it has grown beyond `maxBytes`. Its writer appends, so it may go on writing. */
export async function limitLogFile(path: string, maxBytes: number): Promise<void> {
  if ((await sizeOf(path)) > maxBytes) await truncate(path);
}

/** {@link ServiceRuntime.watchLog} for a file. */
export function watchLogFile(
  path: string,
  sought: LogWatch,
  options: { timeoutMs: number },
): { ready: Promise<void>; seen: Promise<void> } {
  const begin = sizeOf(path);
  const seen = begin.then((position) => follow(path, position, sought, AbortSignal.timeout(options.timeoutMs)));
  // Whoever gave up before waiting for it must not be ended by its rejection.
  seen.catch(() => undefined);
  return { ready: begin.then(() => undefined), seen };
}

async function follow(path: string, begin: number, sought: LogWatch, signal: AbortSignal): Promise<void> {
  const sequence = createLogSequence(sought);
  let position = begin;
  for (;;) {
    const chunk = await readFrom(path, position);
    position += chunk.length;
    if (sequence.push(chunk.toString('latin1'))) return;
    await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function readFrom(path: string, position: number): Promise<Buffer> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const from = Math.max(0, position);
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(0, size - from)), 0, null, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
