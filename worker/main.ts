import { EXIT_CODES } from '../domain/audit/report.ts';
import { Failure } from '../domain/failures.ts';
import type { Config } from '../platform/config/config.ts';
import { readConfig } from '../platform/config/read-config.ts';

const USAGE = `usage: pgsteward <command>

  dev      everything on this machine: two PostgreSQL servers, Temporal, API, control worker and host worker
  api      the HTTP API
  worker   a control worker: workflows, and the activities that speak to PostgreSQL servers
  host     the worker of this host: runs its services
  admin-token   makes a new token for the account admin, where the last one was lost
  keys     keys rotate seal|codec: adds a key to that keyring and makes it the active one
           keys reseal: seals every stored secret with the active key, so that older keys can be retired
  audit    audit verify [--anchors FILE…]: verifies the audit log; exit code 0 intact, 1 not intact, 2 cannot be said

Settings come from the environment; docs/configuration.md lists them.
`;

/** What a command has beside its settings. */
interface Surroundings {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  complain: (line: string) => void;
  /** Words after the command. */
  words: readonly string[];
}

interface Command {
  run(config: Config, around: Surroundings): Promise<number>;
  takesWords: boolean;
  /** Exit code when it could not do what it was to do. */
  failure: number;
}

type LongRunning = (config: Config, env: NodeJS.ProcessEnv, say: (line: string) => void) => Promise<number>;

const longRunning = (load: () => Promise<LongRunning>): Command => ({
  run: async (config, { env, say }) => (await load())(config, env, say),
  takesWords: false,
  failure: 1,
});

/** Each loads only what it needs: Temporal's SDK alone takes a second. */
const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['dev', longRunning(async () => (await import('./dev/command.ts')).runDev)],
  ['api', longRunning(async () => (await import('./commands.ts')).runApi)],
  ['worker', longRunning(async () => (await import('./commands.ts')).runControlWorker)],
  ['host', longRunning(async () => (await import('./commands.ts')).runHostWorker)],
  ['admin-token', longRunning(async () => (await import('./commands.ts')).runAdminToken)],
  [
    'keys',
    {
      run: async (config, around) => (await import('./keys/command.ts')).runKeys(config, around),
      takesWords: true,
      failure: 1,
    },
  ],
  [
    'audit',
    {
      run: async (config, around) => (await import('./audit/command.ts')).runAudit(config, around),
      takesWords: true,
      failure: EXIT_CODES.cannotSay,
    },
  ],
]);

/**
 * Runs one command until it ends.
 * @returns the exit code: 0 in order, 1 after a failure, 2 for wrong words; commands that answer a question have their own
 */
export async function main(argv: string[]): Promise<number> {
  // Whoever reads may go away (`| head`, a closed terminal): that must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const complain = (line: string) => void process.stderr.write(`${line}\n`);
  if (argv.some((word) => word === '--help' || word === '-h')) {
    say(USAGE);
    return 0;
  }
  const [name = '', ...words] = argv;
  const command = COMMANDS.get(name);
  if (command === undefined || (words.length > 0 && !command.takesWords)) {
    complain(USAGE);
    return 2;
  }
  try {
    const { config, warnings } = readConfig(process.env);
    // It has been read, and is not for the processes that this one starts.
    delete process.env.PG_ADMIN_PASS;
    delete process.env.PG_API_PASS;
    for (const warning of warnings) complain(`warning: ${warning}`);
    return await command.run(config, { env: process.env, say, complain, words });
  } catch (error) {
    complain(error instanceof Failure ? error.message : `${error instanceof Error ? error.stack : String(error)}`);
    return command.failure;
  }
}
