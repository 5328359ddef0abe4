import { Command } from 'commander';
import { addAuditCommands } from './commands/audit.ts';
import { addDatabaseCommands } from './commands/databases.ts';
import { addLeaseCommands } from './commands/leases.ts';
import { addRoleCommands } from './commands/roles.ts';
import { addRotationCommands } from './commands/rotations.ts';
import { addServerCommands } from './commands/servers.ts';
import { addTaskCommands } from './commands/tasks.ts';
import { addTokenCommands } from './commands/tokens.ts';
import { addUserCommands } from './commands/users.ts';
import { addCompletionCommand } from './completion/command.ts';
import type { OwnCommand, Surroundings } from './surroundings.ts';

const ENVIRONMENT = `
Commands that speak to the API find it by PGSTEWARD_URL (http://localhost:3000 unless set), and take their token from PGSTEWARD_TOKEN,
or from the file that PGSTEWARD_TOKEN_FILE names (.pgsteward/admin-token unless set). docs/cli.md has an example of each command;
processes are configured by the environment, see docs/configuration.md.`;

/** The whole command line. */
export function createProgram(around: Surroundings, own: readonly OwnCommand[]): Command {
  const { terminal } = around;
  const program = new Command('pgsteward')
    .description('Control plane for PostgreSQL access.')
    .usage('<command> [options]')
    .addHelpText('after', ENVIRONMENT)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: (text) => terminal.note(text.replace(/\n$/, '')) })
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .showHelpAfterError('(--help says what there is)');
  const groups = new Map<string, Command>();
  for (const { name, description, run } of own) {
    const [word = '', below] = name.split(' ');
    const parent = below === undefined ? program : (groups.get(word) ?? program.command(word));
    if (below !== undefined) groups.set(word, parent);
    parent
      .command(below ?? word)
      .description(description)
      .argument('[words...]')
      .usage('')
      .allowUnknownOption()
      .passThroughOptions()
      .action(async (words: string[]) => {
        around.exitCode = await run(words);
      });
  }
  for (const add of [
    addRoleCommands,
    addUserCommands,
    addDatabaseCommands,
    addTaskCommands,
    addServerCommands,
    addLeaseCommands,
    addRotationCommands,
    addTokenCommands,
  ]) {
    add(program, around);
  }
  const audit = groups.get('audit') ?? program.command('audit');
  addAuditCommands(audit.description('the audit log'), around);
  addCompletionCommand(program, around);
  return program;
}
