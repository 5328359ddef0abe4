import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { exitCodeOf, follow, type Task, taskPath } from '../follow.ts';
import { speaks, wholeNumber } from '../leaf.ts';
import { facts, print, table, visible } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

const SCOPES = ['database', 'server', 'host'] as const;
type Scope = (typeof SCOPES)[number];
type About = Partial<Record<Scope, string>>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What is being done, and what was. */
export function addTaskCommands(program: Command, around: Surroundings): void {
  const tasks = program.command('tasks').description('what is being done, and what was');
  const about = (command: Command) =>
    command
      .option('--database <id>', 'of this database')
      .option('--server <name>', 'of this server')
      .option('--host <id>', 'of this host');
  const one = (name: string, description: string) =>
    about(tasks.command(name).description(description).argument('<task>', 'id of the task'));

  speaks<[], About & { limit?: number }>(
    about(
      tasks.command('list').description('tasks, newest first; of databases and hosts unless something is named'),
    ).option('--limit <count>', 'how many', wholeNumber('--limit', { least: 1, most: 1000 })),
    around,
    async (context, _args, options) => {
      const scope = scopeOf(options);
      const query = {
        limit: options.limit ?? 20,
        scope,
        ...(scope === undefined ? {} : { entity_id: options[scope] }),
      };
      const answer = await context.client.call<{ tasks: Task[] }>({ path: '/v1/tasks', query });
      print(context, answer, () =>
        table(answer.tasks, {
          TASK: ({ task_id }) => task_id,
          OF: ({ scope, entity_id }) => `${scope} ${entity_id}`,
          TYPE: ({ type }) => type,
          STATUS: ({ status }) => status,
          CREATED: ({ created_at }) => created_at,
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], About & { log?: true }>(
    one('show', 'one task').option('--log', 'with its log'),
    around,
    async (context, [id], options) => {
      const found = await findTask(context, id, options);
      const task = await context.client.call<Task>({ path: taskPath(found) });
      const log = options.log === true ? await logOf(context, task) : undefined;
      print(context, log === undefined ? task : { ...task, log }, () =>
        [shown(task), ...(log ?? []).map(({ timestamp, message }) => `${timestamp}  ${visible(message)}`)].join('\n'),
      );
      return EXIT.done;
    },
  );

  speaks<[string], About & { timeout?: number }>(
    one('wait', 'follow a task until it has ended; exit code 0: completed, 1: failed or canceled, 3: not yet').option(
      '--timeout <seconds>',
      'wait no longer',
      wholeNumber('--timeout', { least: 0, most: 86_400 }),
    ),
    around,
    async (context, [id], options) => {
      const { timeout } = options;
      const found = await findTask(context, id, options);
      const task = await follow(context, found, timeout === undefined ? {} : { timeoutSeconds: timeout });
      print(context, task, () => shown(task));
      return exitCodeOf(task);
    },
  );

  speaks<[string], About>(
    one('cancel', 'cancel a task of a database: what it has done is undone'),
    around,
    async (context, [id], options) => {
      const found = await findTask(context, id, options);
      if (found.scope !== 'database')
        throw new CliError(`task ${id} is of a ${found.scope}: only those of databases can be cancelled`);
      const task = await context.client.call<Task>({ method: 'POST', path: `${taskPath(found)}/cancel` });
      print(
        context,
        task,
        () => `${shown(task)}\n\nFollow it with: pgsteward tasks wait ${task.task_id} --database ${task.entity_id}`,
      );
      return EXIT.done;
    },
  );
}

function scopeOf(about: About): Scope | undefined {
  const named = SCOPES.filter((scope) => about[scope] !== undefined);
  if (named.length > 1) throw new CliError(`one of ${named.map((scope) => `--${scope}`).join(' and ')}, not both`);
  return named[0];
}

/** The task of an id, wherever it belongs, unless that is named. @throws CliError where there is none */
async function findTask(context: Context, id: string, about: About): Promise<Task> {
  if (!UUID.test(id)) throw new CliError(`${JSON.stringify(id)} is not the id of a task`);
  const named = scopeOf(about);
  if (named !== undefined) {
    return context.client.call<Task>({ path: taskPath({ scope: named, entity_id: about[named] ?? '', task_id: id }) });
  }
  // Ids are in order: the first task below the next id is the one, or there is none.
  for (const scope of SCOPES) {
    const query = { scope, after_task_id: nextId(id), sort_order: 'desc', limit: 1 };
    const { tasks } = await context.client.call<{ tasks: Task[] }>({ path: '/v1/tasks', query });
    const [task] = tasks;
    if (task?.task_id === id.toLowerCase()) return task;
  }
  throw new CliError(`there is no task ${id} that you may see`);
}

function nextId(id: string): string {
  const last = (1n << 128n) - 1n;
  const value = BigInt(`0x${id.replaceAll('-', '')}`);
  const next = (value < last ? value + 1n : last).toString(16).padStart(32, '0');
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function logOf(context: Context, task: Task): Promise<{ timestamp: string; message: string }[]> {
  const path = `${taskPath(task)}/${task.scope === 'host' ? 'logs' : 'log'}`;
  const { entries } = await context.client.call<{ entries: { timestamp: string; message: string }[] }>({
    path,
    query: { limit: 1000 },
  });
  return entries;
}

function shown(task: Task): string {
  return facts({
    task: task.task_id,
    of: `${task.scope} ${task.entity_id}`,
    type: task.type,
    status: task.status,
    created: task.created_at,
    completed: task.completed_at,
    error: task.error,
    result: task.result === undefined ? undefined : JSON.stringify(task.result),
  });
}
