import { parseArgs } from 'node:util';
import type { Floor } from './floor.ts';
import { benchService, benchSpec, completed, prepare, provision, remove, type Task } from './services.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const FLOOR_PORT = 18_000;
const SERVICE_PORT = 19_400;
const BAR = 2;

/** What is changed: a key that PostgREST reads again, and one that needs a new process. */
const CHANGES = {
  max_rows: (run: number) => ({ max_rows: 100 + run }),
  db_pool: (run: number) => ({ db_pool: 2 - (run % 2) }),
} as const;

/**
 * Time of an update from POST until it is in effect, for one service and for many, beside the floor measured in the same run: as
 * many bare containers told to stop, created, started and asked until they answer, all at once. The floor is measured before ours and
 * after it: both together would have more connections than the server.
 */
export async function updateBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '5' },
      services: { type: 'string', default: '1,10,50' },
      runtime: { type: 'string', default: 'auto' },
    },
  });
  const stack = await startBenchStack({ PGSTEWARD_RUNTIME: values.runtime, PGSTEWARD_PORT_RANGE: '19500-19999' });
  try {
    const { floor, runtime } = await prepare(stack, SERVICE_PORT);
    console.log(`runtime: ${runtime}; ${values.runs} runs, floor before and after, medians`);
    const rows: string[][] = [];
    for (const count of values.services.split(',').map(Number)) {
      rows.push(...(await updateMany(stack, floor, { count, runs: Number(values.runs) })));
    }
    console.log(
      table([['services', 'change', 'floor ms', 'ours ms', 'ours ms/service', 'ratio', `bar ${BAR} x`], ...rows]),
    );
    await remove(stack, 'warm-up');
    await floor.close();
  } finally {
    await stack.stop();
  }
}

async function updateMany(
  stack: BenchStack,
  floor: Floor,
  { count, runs }: { count: number; runs: number },
): Promise<string[][]> {
  const id = `update-${count}`;
  const numbers = Array.from({ length: count }, (_, index) => index);
  const services = (config: Record<string, unknown>) =>
    numbers.map((n) => benchService(stack, id, { port: 0, serviceId: `api-${n}`, config }));
  const floors = await replaceBare(floor, numbers, runs);
  await provision(stack, id, services({}));
  const ours = new Map<string, number[]>();
  let settings: Record<string, unknown> = {};
  // The first run warms up.
  for (let run = 0; run <= runs; run += 1) {
    for (const [name, config] of Object.entries(CHANGES)) {
      // Everything else stays: a change of the one must not be one of the other.
      settings = { ...settings, ...config(run) };
      const { ms } = await timed(() => update(stack, id, services(settings)));
      if (run > 0) ours.set(name, [...(ours.get(name) ?? []), ms]);
    }
  }
  await remove(stack, id);
  floors.push(...(await replaceBare(floor, numbers, runs)));
  const base = median(floors);
  return [...ours].map(([name, times]) => {
    const ms = median(times);
    const ratio = ms / base;
    return [
      String(count),
      name,
      base.toFixed(0),
      ms.toFixed(0),
      (ms / count).toFixed(0),
      `${ratio.toFixed(2)} x`,
      ratio <= BAR ? 'kept' : 'missed',
    ];
  });
}

/** Times of as many bare services replaced at once. The first run warms up. */
async function replaceBare(floor: Floor, numbers: readonly number[], runs: number): Promise<number[]> {
  const each = (act: (name: string, port: number) => Promise<void>) =>
    Promise.all(numbers.map((n) => act(`bare-${n}`, FLOOR_PORT + 2 * n)));
  await each(floor.startService);
  const times: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const { ms } = await timed(() => each(floor.replaceService));
    if (run > 0) times.push(ms);
  }
  await each(floor.stopService);
  return times;
}

async function update(stack: BenchStack, id: string, services: readonly object[]): Promise<void> {
  const spec = benchSpec(stack, id, services);
  const { task } = await stack.call<{ task: Task }>('POST', `/v1/databases/${id}`, { spec });
  await completed(stack, task);
}
