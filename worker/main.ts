import { parseArgs } from 'node:util';
import { Failure } from '../domain/failures.ts';
import type { Config } from '../platform/config/config.ts';
import { readConfig } from '../platform/config/read-config.ts';
import { runAdminToken, runApi, runControlWorker, runHostWorker } from './commands.ts';
import { runDev } from './dev/command.ts';

const USAGE = `usage: pgsteward <command>

  dev      everything on this machine: two PostgreSQL servers, Temporal, API, control worker and host worker
  api      the HTTP API
  worker   a control worker: workflows, and the activities that speak to PostgreSQL servers
  host     the worker of this host: runs its services
  admin-token   makes a new token for the account admin, where the last one was lost

Settings come from the environment; docs/configuration.md lists them.
`;

type Command = (config: Config, env: NodeJS.ProcessEnv, say: (line: string) => void) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['dev', runDev],
  ['api', runApi],
  ['worker', runControlWorker],
  ['host', runHostWorker],
  ['admin-token', runAdminToken],
]);

/** Runs one command until it ends. @returns the exit code: 0 in order, 1 after a failure, 2 for wrong words */
export async function main(argv: string[]): Promise<number> {
  // Whoever reads may go away (`| head`, a closed terminal): that must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const complain = (line: string) => void process.stderr.write(`${line}\n`);
  const words = parseWords(argv);
  if (words?.help === true) {
    say(USAGE);
    return 0;
  }
  const command = COMMANDS.get(words?.command ?? '');
  if (command === undefined) {
    complain(USAGE);
    return 2;
  }
  try {
    const { config, warnings } = readConfig(process.env);
    // It has been read, and is not for the processes that this one starts.
    delete process.env.PG_ADMIN_PASS;
    delete process.env.PG_API_PASS;
    for (const warning of warnings) complain(`warning: ${warning}`);
    return await command(config, process.env, say);
  } catch (error) {
    complain(error instanceof Failure ? error.message : `${error instanceof Error ? error.stack : String(error)}`);
    return 1;
  }
}

function parseWords(argv: string[]): { command: string | undefined; help: boolean } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      options: { help: { type: 'boolean', short: 'h', default: false } },
      allowPositionals: true,
    });
    return positionals.length > 1 ? undefined : { command: positionals[0], help: values.help };
  } catch {
    return undefined;
  }
}
