import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Account } from './private-file.ts';

/** More output than this is cut: only the end is of use in a message. */
const OUTPUT_MAX_CHARACTERS = 8_192;

/**
 * Runs a command to its end and answers with its exit code and what it printed (stdout and stderr together).
 * It has a session of its own, so that Ctrl-C in the terminal reaches only us, and we decide what it means.
 * @throws when the command cannot be started, or is killed after `timeoutMs`.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { timeoutMs: number; as?: Account | undefined; cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<{ code: number; output: string }> {
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
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  try {
    const [code] = await once(child, 'close');
    if (typeof code !== 'number') throw new Error(`${command} was ended after ${options.timeoutMs} ms`);
    return { code, output: output.trim() };
  } finally {
    clearTimeout(timer);
  }
}
