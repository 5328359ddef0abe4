import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { exitCodeOf, follow, type Task } from '../follow.ts';
import { speaks, wholeNumber } from '../leaf.ts';
import { facts, print, table } from '../output.ts';
import type { Surroundings } from '../surroundings.ts';

/** What is shown of a rotation. */
interface Rotation {
  id: string;
  server: string;
  role: string;
  strategy: string;
  paused: boolean;
  current: { login: string; version: number; rotated_at?: string };
  last: { status: string; created_at: string; error?: string } | null;
}

interface RotationDetail extends Rotation {
  next: string | null;
  alarm?: { name: string; message: string };
}

const PATH = '/v1/rotations';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Rotations of passwords. */
export function addRotationCommands(program: Command, around: Surroundings): void {
  const rotations = program.command('rotate').description('rotations of passwords');
  const one = (name: string, description: string) =>
    rotations
      .command(name)
      .description(description)
      .argument('<rotation>', 'id of the rotation, or the role with --server')
      .option('-s, --server <name>', 'server of the role');

  speaks<[], { server?: string }>(
    rotations.command('list').description('rotations, newest first').option('-s, --server <name>', 'of this server'),
    around,
    async (context, _args, { server }) => {
      const answer = { rotations: await everyRotation(context, server) };
      print(context, answer, () =>
        table(answer.rotations, {
          ROTATION: ({ id }) => id,
          SERVER: ({ server: name }) => name,
          ROLE: ({ role }) => role,
          STRATEGY: ({ strategy }) => strategy,
          PAUSED: ({ paused }) => (paused ? 'yes' : 'no'),
          ROTATED: ({ current }) => current.rotated_at,
          LAST: ({ last }) => last?.status,
        }),
      );
      return EXIT.done;
    },
  );

  speaks<[string], { server?: string; wait: boolean; timeout?: number }>(
    one('trigger', 'rotate now, and wait for the end; exit code 0: rotated, 1: failed, 3: not yet')
      .option('--no-wait', 'answer as soon as it is accepted')
      .option('--timeout <seconds>', 'wait no longer', wholeNumber('--timeout', { least: 0, most: 86_400 })),
    around,
    async (context, [named], { server, wait, timeout }) => {
      const id = await idOf(context, named, server);
      const accepted = await context.client.call<{ run_id: string; task_id: string; server: string }>({
        method: 'POST',
        path: `${pathOf(id)}/trigger`,
      });
      if (!wait) {
        print(context, accepted, () => facts({ run: accepted.run_id, task: accepted.task_id }));
        return EXIT.done;
      }
      const started = {
        scope: 'server',
        entity_id: accepted.server,
        task_id: accepted.task_id,
        status: 'pending',
      } as Task;
      const task = await follow(context, started, timeout === undefined ? {} : { timeoutSeconds: timeout });
      print(context, task, () => facts({ task: task.task_id, status: task.status, error: task.error }));
      return exitCodeOf(task);
    },
  );

  for (const [word, description] of [
    ['pause', 'stop the schedule; what is under way goes on'],
    ['resume', 'go on with the schedule'],
  ] as const) {
    speaks<[string], { server?: string }>(one(word, description), around, async (context, [named], { server }) => {
      const id = await idOf(context, named, server);
      await context.client.call<Rotation>({ method: 'POST', path: `${pathOf(id)}/${word}` });
      const answer = await context.client.call<RotationDetail>({ path: pathOf(id) });
      print(context, answer, () =>
        facts({
          rotation: answer.id,
          role: `${answer.role} of ${answer.server}`,
          paused: answer.paused,
          next: answer.next,
          alarm: answer.alarm?.message,
        }),
      );
      return EXIT.done;
    });
  }
}

const pathOf = (id: string): string => `${PATH}/${encodeURIComponent(id)}`;

/** The rotation that somebody means: there is one for each role of a server. */
async function idOf(context: Context, named: string, server: string | undefined): Promise<string> {
  if (server === undefined) {
    if (UUID.test(named)) return named;
    throw new CliError(`${JSON.stringify(named)} is not the id of a rotation; for a role name its --server, too`);
  }
  const found = (await everyRotation(context, server)).find(({ role }) => role === named);
  if (found === undefined) throw new CliError(`role ${JSON.stringify(named)} of server ${server} has no rotation`);
  return found.id;
}

async function everyRotation({ client }: Context, server: string | undefined): Promise<Rotation[]> {
  const rotations: Rotation[] = [];
  for (;;) {
    const page = await client.call<{ rotations: Rotation[]; has_more: boolean }>({
      path: PATH,
      query: { server, limit: 1000, after_rotation_id: rotations.at(-1)?.id },
    });
    rotations.push(...page.rotations);
    if (!page.has_more || page.rotations.length === 0) return rotations;
  }
}
