import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Account } from '../files/write-private-file.ts';

/** More output than this is cut: only the end is of use in a message. */
const OUTPUT_MAX_CHARACTERS = 8_192;

/**
 * Runs a command to its end and answers with its exit code and what it printed (stdout and stderr together).
 * It has a session of its own, so that Ctrl-C in the terminal reaches only us, and we decide what it means.
 * @throws when the command cannot be started, or is killed with its children: after `timeoutMs`, or because `signal`
 *   was aborted, whose reason is thrown then.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: {
    timeoutMs: number;
    signal?: AbortSignal | undefined;
    as?: Account | undefined;
    cwd?: string;
    env?: NodeJS.ProcessEnv;
  },
): Promise<{ code: number; output: string }> {
  const { timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.as,
    cwd: options.cwd ?? '/',
    env: options.env ?? process.env,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_MAX_CHARACTERS);
    });
  }
  const kill = () => killGroup(child);
  const timer = setTimeout(kill, timeoutMs);
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const [code] = await once(child, 'close');
    signal?.throwIfAborted();
    if (typeof code !== 'number') throw new Error(`${command} was ended after ${timeoutMs} ms`);
    return { code, output: output.trim() };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

/** The command with all that it started: it leads the process group of its session. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it ended by itself, and its `close` is on the way.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
