import type { Command } from 'commander';
import type { z } from 'zod';
import type { userAnswerSchema, userListSchema } from '../../api/schemas/users.ts';
import { KIND_RULES, USER_KINDS, type UserKind } from '../../domain/users/kinds.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { exitCodeOf, follow, type Task } from '../follow.ts';
import { speaks, wholeNumber } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

type User = z.infer<typeof userAnswerSchema>;

interface Place {
  env: string;
  database: string;
}

interface CreateOptions extends Place {
  kind: string;
  servername?: string;
  port?: string;
  envPrefix?: string;
  farmname?: string;
  username?: string;
  connectionLimit?: number;
  validUntil?: string;
  handover?: true;
  handoverHours?: number;
}

interface ChangeOptions extends Place {
  override?: true;
  handover?: true;
  handoverHours?: number;
  reassignOwned?: true;
}

/** Users of databases that are known by environment and name. */
export function addUserCommands(program: Command, around: Surroundings): void {
  const users = program.command('users').description('users of databases, by environment');
  const onPlace = (name: string, description: string) =>
    users
      .command(name)
      .description(description)
      .requiredOption('-e, --env <environment>', 'environment, as in the registry')
      .requiredOption('-d, --database <name>', 'database, as in the registry');
  const withLink = (command: Command) =>
    command
      .option('--handover', 'answer a link that shows the password once, instead of the password')
      .option(
        '--handover-hours <hours>',
        'how long the link is good for',
        wholeNumber('--handover-hours', { least: 1, most: 168 }),
      );

  speaks<[], Place>(
    onPlace('list', 'login roles of the server that a database is on'),
    around,
    async (context, _args, place) => {
      const query = { env: place.env, database: place.database };
      const answer = await context.client.call<z.infer<typeof userListSchema>>({ path: '/api/v1/users/all', query });
      print(context, answer, () =>
        table(answer.users, { USER: ({ username }) => username, ATTRIBUTES: ({ attributes }) => attributes }),
      );
      return EXIT.done;
    },
  );

  speaks<[], CreateOptions>(
    withLink(
      onPlace('create', 'create a user, and print its password')
        .requiredOption('-k, --kind <kind>', `one of ${USER_KINDS.join(', ')}`)
        .option('--username <name>', 'name, of a person')
        .option('--servername <name>', 'first part of the name, of kind app')
        .option('--port <port>', 'second part of the name, of kind app')
        .option('--env-prefix <text>', 'first part of the name, of kind app-k8s')
        .option('--farmname <name>', 'second part of the name, of kind app-k8s')
        .option(
          '--connection-limit <count>',
          'most connections',
          wholeNumber('--connection-limit', { least: -1, most: 2_147_483_647 }),
        )
        .option('--valid-until <time>', 'when the account ends, such as 2027-01-31T00:00:00Z'),
    ),
    around,
    create,
  );

  const change = (name: string, description: string) =>
    withOverride(onPlace(name, description).argument('<username>', 'name on the server'));
  speaks<[string], ChangeOptions>(
    withLink(change('reset', 'give a user a new password, and print it')),
    around,
    (context, [username], options) => changeUser(context, 'reset', { ...changes(options), username, ...link(options) }),
  );
  for (const [name, description] of [
    ['disable', 'keep a user from logging in, and end its sessions'],
    ['enable', 'let a user log in again'],
  ] as const) {
    speaks<[string], ChangeOptions>(change(name, description), around, (context, [username], options) =>
      changeUser(context, name, { ...changes(options), username }),
    );
  }
  speaks<[string], ChangeOptions>(
    change('drop', 'drop a user').option(
      '--reassign-owned',
      'also one who owns something, which then goes to a role without login',
    ),
    around,
    (context, [username], options) =>
      changeUser(context, 'drop', {
        ...changes(options),
        username,
        ...(options.reassignOwned === true ? { reassign_owned: true } : {}),
      }),
  );
}

function withOverride(command: Command): Command {
  return command.option('--override', 'for administrators: although a rule protects the user');
}

const changes = ({ env, database, override }: ChangeOptions) => ({
  env,
  database,
  ...(override === true ? { override: true } : {}),
});

const link = ({ handover, handoverHours }: Pick<ChangeOptions, 'handover' | 'handoverHours'>) => ({
  ...(handover === true ? { handover: 'link' } : {}),
  ...(handoverHours === undefined ? {} : { handover_hours: handoverHours }),
});

/** Parameters of the API by the options that give them. */
const NAME_PARTS = {
  servername: 'servername',
  port: 'port',
  env_prefix: 'envPrefix',
  farmname: 'farmname',
  username: 'username',
} as const;

async function create(context: Context, _args: [], options: CreateOptions): Promise<number> {
  const { kind } = options;
  if (!isKind(kind))
    throw new CliError(`there is no kind ${JSON.stringify(kind)}: it is one of ${USER_KINDS.join(', ')}`);
  const parts = KIND_RULES[kind].nameFrom;
  const optionOf = (part: keyof typeof NAME_PARTS) => `--${part.replace('_', '-')}`;
  const missing = parts.filter((part) => options[NAME_PARTS[part]] === undefined);
  if (missing.length > 0) throw new CliError(`a user of kind ${kind} needs ${missing.map(optionOf).join(' and ')}`);
  const { env, database, connectionLimit, validUntil } = options;
  return changeUser(context, kind, {
    env,
    database,
    ...Object.fromEntries(parts.map((part) => [part, options[NAME_PARTS[part]]])),
    ...(connectionLimit === undefined ? {} : { connection_limit: connectionLimit }),
    ...(validUntil === undefined ? {} : { valid_until: validUntil }),
    ...link(options),
  });
}

function isKind(text: string): text is UserKind {
  return USER_KINDS.some((kind) => kind === text);
}

/** One change, and what came of it. A drop that takes longer is followed. */
async function changeUser(context: Context, what: string, body: object): Promise<number> {
  const answer = await context.client.call<User | { task_id: string; server: string; status: string }>({
    method: 'POST',
    path: `/api/v1/users/${what}`,
    body,
  });
  if ('task_id' in answer) {
    const { task_id, server } = answer;
    const started = { scope: 'server', entity_id: server, task_id, status: 'running' } as Task;
    const task = await follow(context, started);
    print(
      context,
      task,
      () => `${task.status === 'completed' ? 'user dropped' : `${task.status}: ${task.error ?? ''}`}`,
    );
    return exitCodeOf(task);
  }
  const { username, password, status, hostname, port, database, handover } = answer;
  print(context, answer, () =>
    facts({
      username,
      password,
      'shown once at': handover?.url,
      until: handover?.expires_at,
      status,
      hostname,
      port,
      database,
    }),
  );
  return status === 'user not found' ? EXIT.failed : EXIT.done;
}
