import { runCommandLine } from '../cli/main.ts';
import { processTerminal } from '../cli/terminal.ts';
import { EXIT_CODES } from '../domain/audit/report.ts';
import { Failure } from '../domain/failures.ts';
import type { Config } from '../platform/config/config.ts';

/** What a command has beside its settings. */
interface Surroundings {
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  complain: (line: string) => void;
  /** Words after the command. */
  words: readonly string[];
}

interface Command {
  description: string;
  run(config: Config, around: Surroundings): Promise<number>;
  takesWords: boolean;
  /** Exit code when it could not do what it was to do. */
  failure: number;
}

type LongRunning = (config: Config, env: NodeJS.ProcessEnv, say: (line: string) => void) => Promise<number>;

const longRunning = (description: string, load: () => Promise<LongRunning>): Command => ({
  description,
  run: async (config, { env, say }) => (await load())(config, env, say),
  takesWords: false,
  failure: 1,
});

/** Each loads only what it needs: Temporal's SDK alone takes a second. */
const COMMANDS: Readonly<Record<string, Command>> = {
  dev: longRunning(
    'everything on this machine: two PostgreSQL servers, Temporal, API, control worker and host worker',
    async () => (await import('./dev/command.ts')).runDev,
  ),
  api: longRunning('the HTTP API', async () => (await import('./commands.ts')).runApi),
  worker: longRunning(
    'a control worker: workflows, and the activities that speak to PostgreSQL servers',
    async () => (await import('./commands.ts')).runControlWorker,
  ),
  host: longRunning(
    'the worker of this host: runs its services',
    async () => (await import('./commands.ts')).runHostWorker,
  ),
  codec: longRunning(
    'the codec server: decrypts payloads for the Temporal UI, on loopback',
    async () => (await import('./commands.ts')).runCodec,
  ),
  'admin-token': longRunning(
    'make a new token for the account admin, where the last one was lost',
    async () => (await import('./commands.ts')).runAdminToken,
  ),
  keys: {
    description:
      'rotate seal|codec: add a key to that keyring and make it the active one; reseal: seal every stored secret with the active key; retire seal KEY: take one out that nothing needs',
    run: async (config, around) => (await import('./keys/command.ts')).runKeys(config, around),
    takesWords: true,
    failure: 1,
  },
  'compose-init': {
    description:
      'generate what docker-compose.yml needs and nobody has by default: passwords, keys and a token, as files',
    run: async (_config, around) => (await import('./compose/command.ts')).runComposeInit(around),
    takesWords: false,
    failure: 1,
  },
  doctor: {
    description:
      'check everything that pgsteward needs on this machine, and say how to mend it, [--json]; exit code 0: in order, 1: not',
    run: async (config, around) => (await import('./doctor/command.ts')).runDoctor(config, around),
    takesWords: true,
    failure: 1,
  },
  'audit verify': {
    description:
      'verify the audit log, [--anchors FILE…] [--json]; exit code 0: intact, 1: not intact, 2: cannot be said',
    run: async (config, around) =>
      (await import('./audit/command.ts')).runAudit(config, { ...around, words: ['verify', ...around.words] }),
    takesWords: true,
    failure: EXIT_CODES.cannotSay,
  },
};

/**
 * Runs one command until it ends: a part of pgsteward itself, or a command that speaks to the API.
 * @returns the exit code; docs/cli.md has them
 */
export async function main(argv: string[]): Promise<number> {
  // Whoever reads may go away (`| head`, a closed terminal): that must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const complain = (line: string) => void process.stderr.write(`${line}\n`);
  try {
    return await runCommandLine(argv, {
      env: process.env,
      terminal: processTerminal(process.env),
      own: Object.entries(COMMANDS).map(([name, command]) => ({
        name,
        description: command.description,
        run: (words) => runOwn(name, command, { say, complain, words }),
      })),
    });
  } catch (error) {
    complain(textOf(error));
    return 1;
  }
}

/** Reads the configuration, which commands that speak to the API have no use for, and runs a command with it. */
async function runOwn(name: string, command: Command, around: Omit<Surroundings, 'env'>): Promise<number> {
  const { complain, words } = around;
  if (words.length > 0 && !command.takesWords) {
    complain(`error: ${name} takes no words, and ${JSON.stringify(words[0])} is one`);
    return command.failure;
  }
  try {
    // Commands that speak to the API are quicker without it.
    const { readConfig } = await import('../platform/config/read-config.ts');
    const { config, warnings } = readConfig(process.env);
    // It has been read, and is not for the processes that this one starts.
    delete process.env.PG_ADMIN_PASS;
    delete process.env.PG_API_PASS;
    for (const warning of warnings) complain(`warning: ${warning}`);
    return await command.run(config, { env: process.env, ...around });
  } catch (error) {
    complain(textOf(error));
    return command.failure;
  }
}

function textOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  return error instanceof Error ? `${error.stack}` : String(error);
}
