import { open } from 'node:fs/promises';

/** Enough for the reason of a failed start. */
const TAIL_BYTES = 2_048;

/** Text that was appended to the log after it had `from` bytes; only its end when that is long. */
export async function logSince(logFile: string, from: number): Promise<string> {
  const log = await open(logFile, 'r');
  try {
    const { size } = await log.stat();
    const start = Math.max(from, size - TAIL_BYTES);
    const { buffer, bytesRead } = await log.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
    return buffer.subarray(0, bytesRead).toString('utf8').trim();
  } finally {
    await log.close();
  }
}
