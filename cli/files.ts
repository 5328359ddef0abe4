import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { CliError } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** Text of a file; `-` is standard input. @throws CliError */
export async function readText(terminal: Terminal, file: string): Promise<string> {
  if (file === '-') return terminal.readInput();
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`${file} cannot be read: ${error.code ?? error.message}`);
  });
}

/** What a YAML or JSON file holds. @throws CliError naming line and column, and nothing of the file: it may hold passwords */
export async function readData(terminal: Terminal, file: string): Promise<unknown> {
  const document = parseDocument(await readText(terminal, file), { prettyErrors: false, logLevel: 'silent' });
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new CliError(`${file} is neither YAML nor JSON: ${problem.code} at character ${problem.pos[0] + 1}`);
  }
  // Aliases may stand for each other many times over.
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CliError(`${file} has to hold an object`);
  }
  return value;
}

/** A secret: the first line of a file or of standard input, or what a person types. Never a word of the command line. */
export async function readSecret(
  terminal: Terminal,
  source: { file: string | undefined; question: string; option: string },
): Promise<string> {
  const { file, question, option } = source;
  if (file === undefined && terminal.ask === undefined) {
    throw new CliError(
      `nobody can be asked for the password here: name a file with ${option}, or - for standard input`,
    );
  }
  const text = file === undefined ? await terminal.ask?.(question, { hidden: true }) : await readText(terminal, file);
  const secret = (text ?? '').replace(/\r?\n[\s\S]*$/, '');
  if (secret === '') throw new CliError('the password is empty');
  return secret;
}
