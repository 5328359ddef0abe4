import type { Command, Option } from 'commander';

/** What can stand at a place of the command line. */
export interface Place {
  /** Commands that lead there, separated by spaces; empty at the beginning. */
  path: string;
  commands: { name: string; description: string }[];
  options: CompletedOption[];
}

export interface CompletedOption {
  /** `-f`, `--file`. */
  flags: string[];
  description: string;
  value: 'none' | 'file' | 'text';
}

/** Every place of a program, the beginning first. */
export function placesOf(program: Command): Place[] {
  const visit = (command: Command, path: readonly string[]): Place[] => {
    const { commands } = command;
    const place: Place = {
      path: path.join(' '),
      commands: commands.map((sub) => ({ name: sub.name(), description: sub.description() })),
      options: [...command.options.map(completed), HELP],
    };
    return [place, ...commands.flatMap((sub) => visit(sub, [...path, sub.name()]))];
  };
  return visit(program, []);
}

const HELP: CompletedOption = { flags: ['-h', '--help'], description: 'show what a command takes', value: 'none' };

function completed({ short, long, description, required, optional, flags }: Option): CompletedOption {
  const names = [short, long].filter((flag): flag is string => flag !== undefined && flag !== null);
  const value = required || optional ? (/<file>/.test(flags) ? 'file' : 'text') : 'none';
  return { flags: names, description, value };
}
