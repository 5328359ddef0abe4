import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a command said: both streams, and standard output alone. */
export interface Said {
  output: string;
  stdout: string;
}

/** Bound for hangs: images are built within it on a slow machine that has none yet. */
const BOUND_MS = 30 * 60_000;

/** Runs a command to its end. @throws with what it said when it fails */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Said> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: BOUND_MS });
  const said: Said = { output: '', stdout: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
    said.output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.output += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${said.output}`);
  return said;
}

/** Runs commands as a person's shell does, and answers with standard output. */
export async function shell(
  commands: string,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return (await run('bash', ['-e', '-o', 'pipefail', '-c', commands], options)).stdout;
}

/** How composition is spelled here: version 2 is part of the `docker` command, version 1 a program of its own. */
export async function composeCommand(): Promise<string> {
  return run('docker', ['compose', 'version']).then(
    () => 'docker compose',
    () => 'docker-compose',
  );
}
