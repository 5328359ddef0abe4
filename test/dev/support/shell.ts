import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Bound of a command that a person would type; none of them waits for a task. */
const COMMAND_BOUND_MS = 30_000;

/** Runs commands as a person's shell does; answers with standard output. @throws when a command fails */
export async function shell(commands: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', commands], {
    timeout: COMMAND_BOUND_MS,
  });
  return stdout;
}
