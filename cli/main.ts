import { CommanderError } from 'commander';
import { CliError, EXIT } from './errors.ts';
import { createProgram } from './program.ts';
import type { OwnCommand, Surroundings } from './surroundings.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs one command line to its end. What a command of our own throws is passed on.
 * @returns the exit code, as docs/cli.md has it
 */
export async function runCommandLine(
  argv: readonly string[],
  around: { env: NodeJS.ProcessEnv; terminal: Terminal; own: readonly OwnCommand[] },
): Promise<number> {
  const { env, terminal, own } = around;
  const surroundings: Surroundings = { env, terminal, exitCode: EXIT.done, json: false };
  try {
    await createProgram(surroundings, own).parseAsync([...argv], { from: 'user' });
    return surroundings.exitCode;
  } catch (error) {
    // Help was asked for, or the words were wrong: both have been said.
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof CliError)) throw error;
    terminal.note(
      surroundings.json
        ? JSON.stringify({ error: { message: error.message, ...error.answer } })
        : `error: ${error.message}`,
    );
    return error.exitCode;
  }
}
