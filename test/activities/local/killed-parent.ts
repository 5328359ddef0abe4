import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How long a parent may take to bring up what it starts. */
const START_TIMEOUT_MS = 60_000;

/**
 * Runs a fixture as a process of its own, waits until it says that it is done, and kills it with SIGKILL.
 * @param fixture file name below `fixtures`
 * @param options handed to the fixture as JSON
 */
export async function startAndKillParent(fixture: string, options: unknown): Promise<void> {
  const file = fileURLToPath(new URL(`./fixtures/${fixture}`, import.meta.url));
  const parent = spawn(process.execPath, ['--import', 'tsx', file, JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(parent, 'exit');
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const failed = ended.then(() => {
    throw new Error(`${fixture} ended before it was done`);
  });
  try {
    await Promise.race([once(parent, 'message', { signal }), failed]);
  } finally {
    failed.catch(() => undefined);
    parent.kill('SIGKILL');
    await ended;
  }
}
