import type { Command } from 'commander';
import type { z } from 'zod';
import type { acceptedDatabaseSchema, databaseListSchema, databaseSchema } from '../../api/schemas/database.ts';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { readData } from '../files.ts';
import { exitCodeOf, follow, type Task } from '../follow.ts';
import { speaks, wholeNumber } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

interface WaitOptions {
  wait: boolean;
  timeout?: number;
}

/** Databases with their users and services. */
export function addDatabaseCommands(program: Command, around: Surroundings): void {
  const databases = program.command('databases').description('databases with their users and services');
  const bounded = (command: Command) =>
    command.option(
      '--timeout <seconds>',
      'wait no longer; exit code 3',
      wholeNumber('--timeout', { least: 0, most: 86_400 }),
    );
  const waiting = (command: Command) => bounded(command.option('--no-wait', 'answer as soon as it is accepted'));

  speaks<[], object>(databases.command('list').description('all databases'), around, async (context) => {
    const answer = await context.client.call<z.infer<typeof databaseListSchema>>({ path: '/v1/databases' });
    print(context, answer, () =>
      table(answer.databases, {
        ID: ({ id }) => id,
        STATE: ({ state }) => state,
        CREATED: ({ created_at }) => created_at,
        UPDATED: ({ updated_at }) => updated_at,
      }),
    );
    return EXIT.done;
  });

  speaks<[string], object>(
    databases.command('show').description('one database').argument('<id>', 'id of the database'),
    around,
    async (context, [id]) => {
      const answer = await context.client.call<z.infer<typeof databaseSchema>>({ path: pathOf(id) });
      print(context, answer, () =>
        facts({ id: answer.id, state: answer.state, created: answer.created_at, updated: answer.updated_at }),
      );
      return EXIT.done;
    },
  );

  speaks<[], WaitOptions & { file: string }>(
    waiting(
      databases
        .command('create')
        .description('create a database as a file asks, and wait until it is there')
        .requiredOption('-f, --file <file>', 'the request as YAML or JSON: `id` and `spec`; - is standard input'),
    ),
    around,
    async (context, _args, options) => {
      const body = await readData(context.terminal, options.file);
      const accepted = await context.client.call<z.infer<typeof acceptedDatabaseSchema>>({
        method: 'POST',
        path: '/v1/databases',
        body,
      });
      return ended(context, accepted.task, options);
    },
  );

  speaks<[string], WaitOptions & { force?: true; yes?: true }>(
    waiting(
      databases
        .command('delete')
        .description('delete a database with everything that was made for it, and wait until it is gone')
        .argument('<id>', 'id of the database')
        .option('--force', 'in any state, ending the task that is under way')
        .option('-y, --yes', 'ask nobody; without a terminal nobody is asked anyway'),
    ),
    around,
    async (context, [id], options) => {
      if (options.yes !== true && context.terminal.ask !== undefined) {
        const answer = await context.terminal.ask(`Delete database ${id} with all data in it? Type its id: `);
        if (answer.trim() !== id) throw new CliError('nothing was deleted');
      }
      const accepted = await context.client.call<{ task: Task }>({
        method: 'DELETE',
        path: pathOf(id),
        query: { force: options.force },
      });
      return ended(context, accepted.task, options);
    },
  );

  speaks<[string], { timeout?: number }>(
    bounded(
      databases
        .command('wait')
        .description('wait for the newest task of a database')
        .argument('<id>', 'id of the database'),
    ),
    around,
    async (context, [id], options) => {
      const { tasks } = await context.client.call<{ tasks: Task[] }>({
        path: `${pathOf(id)}/tasks`,
        query: { limit: 1 },
      });
      const [task] = tasks;
      if (task === undefined) throw new CliError(`database ${JSON.stringify(id)} has no task to wait for`);
      return ended(context, task, { ...options, wait: true });
    },
  );
}

const pathOf = (id: string): string => `/v1/databases/${encodeURIComponent(id)}`;

async function ended(context: Context, accepted: Task, { wait, timeout }: WaitOptions): Promise<number> {
  const task = wait
    ? await follow(context, accepted, timeout === undefined ? {} : { timeoutSeconds: timeout })
    : accepted;
  print(context, task, () => facts({ task: task.task_id, type: task.type, status: task.status, error: task.error }));
  return wait ? exitCodeOf(task) : EXIT.done;
}
