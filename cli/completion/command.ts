import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Surroundings } from '../surroundings.ts';
import { placesOf } from './model.ts';
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from './scripts.ts';

/** `completion`: comes last, so that it knows all others. */
export function addCompletionCommand(program: Command, around: Surroundings): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .argument('<shell>', SHELLS.join(', '))
    .action((shell: string) => {
      if (!isShell(shell))
        throw new CliError(`there is no completion for ${JSON.stringify(shell)}: only for ${SHELLS.join(', ')}`);
      around.terminal.out(COMPLETION_SCRIPTS[shell](program.name(), placesOf(program)));
    });
}

function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}
