import { parseArgs } from 'node:util';
import type { Floor } from './floor.ts';
import { benchService, prepare, provision, remove, type Task } from './services.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const FLOOR_PORT = 19_000;
const SERVICE_PORT = 19_400;

/**
 * Time from POST to `running`, per step, beside the floor measured in the same run: a bare CREATE DATABASE plus container
 * create, start and first answer. The two take turns, so that a machine that gets slower is slower for both. Then a
 * burst of databases at once, beside the same number of bare ones.
 */
export async function provisionBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '15' },
      burst: { type: 'string', default: '20' },
      runtime: { type: 'string', default: 'auto' },
    },
  });
  const stack = await startBenchStack({ PGSTEWARD_RUNTIME: values.runtime, PGSTEWARD_PORT_RANGE: '19500-19999' });
  try {
    const { floor, runtime } = await prepare(stack, SERVICE_PORT);
    console.log(`runtime: ${runtime}; ${values.runs} runs, floor and ours by turns`);
    await oneByOne(stack, floor, Number(values.runs));
    await burst(stack, floor, Number(values.burst));
    await remove(stack, 'warm-up');
    await floor.close();
  } finally {
    await stack.stop();
  }
}

async function oneByOne(stack: BenchStack, floor: Floor, runs: number): Promise<void> {
  const floors: { database: number; service: number }[] = [];
  const ours: number[] = [];
  const steps = new Map<string, number[]>();
  for (let run = 0; run < runs; run += 1) {
    const name = `floor-${run}`;
    const database = await timed(() => floor.createDatabase(name));
    const service = await timed(() => floor.startService(name, FLOOR_PORT));
    floors.push({ database: database.ms, service: service.ms });
    await floor.stopService(name);
    await floor.dropDatabase(name);

    const id = `run-${run}`;
    const { result: task, ms } = await timed(() =>
      provision(stack, id, [benchService(stack, id, { port: SERVICE_PORT + 2 })]),
    );
    ours.push(ms);
    for (const [step, duration] of await stepDurations(stack, task))
      steps.set(step, [...(steps.get(step) ?? []), duration]);
    await remove(stack, id);
  }
  const total = median(ours);
  const bare = median(floors.map((f) => f.database + f.service));
  const ms = (value: number) => value.toFixed(0);
  console.log(
    table([
      ['median of one after the other', 'ms'],
      ['floor: CREATE DATABASE', ms(median(floors.map((f) => f.database)))],
      ['floor: create, start, first answer', ms(median(floors.map((f) => f.service)))],
      ['floor', ms(bare)],
      ...[...steps].map(([step, durations]) => [`  step: ${step}`, ms(median(durations))]),
      ['POST until running', ms(total)],
    ]),
  );
  console.log(`ratio: ${(total / bare).toFixed(2)} x the floor (bar: 2)\n`);
}

async function burst(stack: BenchStack, floor: Floor, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const bare = await timed(() =>
    Promise.all(
      numbers.map(async (n) => {
        await floor.createDatabase(`burst-floor-${n}`);
        await floor.startService(`burst-floor-${n}`, FLOOR_PORT + 10 + 2 * n);
      }),
    ),
  );
  for (const n of numbers) {
    await floor.stopService(`burst-floor-${n}`);
    await floor.dropDatabase(`burst-floor-${n}`);
  }
  const ours = await timed(() =>
    Promise.all(numbers.map((n) => provision(stack, `burst-${n}`, [benchService(stack, `burst-${n}`, { port: 0 })]))),
  );
  console.log(
    table([
      [`${count} at once`, 'ms'],
      ['floor', bare.ms.toFixed(0)],
      ['POST until all are running', ours.ms.toFixed(0)],
    ]),
  );
  console.log(`ratio: ${(ours.ms / bare.ms).toFixed(2)} x the floor`);
  await Promise.all(numbers.map((n) => remove(stack, `burst-${n}`)));
}

async function stepDurations(stack: BenchStack, task: Task): Promise<[string, number][]> {
  const { entries } = await stack.call<{ entries: { message: string; fields?: { duration_ms?: number } }[] }>(
    'GET',
    `/v1/databases/${task.database_id}/tasks/${task.task_id}/log`,
  );
  return entries.flatMap(({ message, fields }) =>
    fields?.duration_ms === undefined
      ? []
      : [[message.replace(/^finished: /, '').replace(/: \S+$/, ''), fields.duration_ms] as [string, number]],
  );
}
