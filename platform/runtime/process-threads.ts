import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 2;
/** All threads have been told to end by then; it takes them a millisecond or two. */
const BOUND_MS = 1_000;

/**
 * Linux shows a process as ended (`Z`) as soon as its first thread has. The others follow, and until the last one has, the
 * process still holds its port. Resolves when they are gone, or after a second.
 */
export async function threadsEnded(pid: number): Promise<void> {
  const deadline = performance.now() + BOUND_MS;
  while ((await threads(pid)) > 1 && performance.now() < deadline) await delay(POLL_MS);
}

async function threads(pid: number): Promise<number> {
  return await readdir(`/proc/${pid}/task`).then(
    (entries) => entries.length,
    () => 0,
  );
}
