import type { Command } from 'commander';
import { createClient } from './client.ts';
import type { Action } from './context.ts';
import { findConnection } from './credentials.ts';
import { CliError } from './errors.ts';
import type { Surroundings } from './surroundings.ts';

interface CommonOptions {
  json?: true;
  url?: string;
  tokenFile?: string;
}

/**
 * Makes a command speak to the API: gives it the options that all of these have, and `action` as its work. Its arguments are those
 * that the command declares, in their order.
 */
export function speaks<Arguments extends readonly unknown[], Options>(
  command: Command,
  around: Surroundings,
  action: Action<Arguments, Options>,
): Command {
  return command
    .option('--json', 'print the answer as JSON')
    .option('--url <address>', 'where the API is; PGSTEWARD_URL unless given')
    .option('--token-file <file>', 'file with the token; PGSTEWARD_TOKEN_FILE unless given')
    .action(async (...given: unknown[]) => {
      const args = given.slice(0, -2);
      const options = given.at(-2) as Options & CommonOptions;
      const { terminal, env } = around;
      around.json = options.json === true;
      const connection = await findConnection(env, options);
      const client = createClient(connection, terminal.note);
      around.exitCode = await action(
        { client, terminal, json: around.json },
        args as unknown as Arguments,
        options as Options,
      );
    });
}

/** A whole number, for an option. */
export function wholeNumber(name: string, bounds: { least: number; most: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= bounds.least && value <= bounds.most) return value;
    throw new CliError(`${name} must be a whole number from ${bounds.least} to ${bounds.most}`);
  };
}

/** For an option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
