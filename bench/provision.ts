import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createFloor, type Floor } from './floor.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const FLOOR_PORT = 19_000;
const SERVICE_PORT = 19_400;

interface Task {
  task_id: string;
  database_id: string;
  status: string;
  error?: string;
}

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
    const { floor, runtime } = await prepare(stack);
    console.log(`runtime: ${runtime}; ${values.runs} runs, floor and ours by turns`);
    await oneByOne(stack, floor, Number(values.runs));
    await burst(stack, floor, Number(values.burst));
    await remove(stack, 'warm-up');
    await floor.close();
  } finally {
    await stack.stop();
  }
}

/** Deploys a first service, which warms everything up, and takes its files as the template of the floor. */
async function prepare(stack: BenchStack): Promise<{ floor: Floor; runtime: string }> {
  await provision(stack, 'warm-up', SERVICE_PORT);
  const { home, host, targetPort } = stack.config;
  const database = await stack.call<{
    service_instances: { status: { image_version: string; container_id: string } }[];
  }>('GET', '/v1/databases/warm-up');
  const status = database.service_instances[0]?.status;
  if (status === undefined) throw new Error('the warm-up service has no status');
  const runtime = status.container_id.startsWith('pid:') ? 'process' : 'docker';
  const password = (await readFile(join(home, 'postgres', `${host.id}.password`), 'utf8')).trim();
  const ca = await readFile(join(home, 'tls/ca/ca.crt'), 'utf8');
  const floor = await createFloor({
    connection: { host: '127.0.0.1', port: targetPort, user: 'postgres', password, database: 'postgres', ssl: { ca } },
    runtime,
    template: join(host.dataDir, 'services', `warm-up-api-${host.id}`, 'conf'),
    image: status.image_version,
    directory: await mkdtemp(join(tmpdir(), 'pgsteward-floor-')),
  });
  return { floor, runtime };
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
    const { result: task, ms } = await timed(() => provision(stack, id, SERVICE_PORT + 2));
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
  const ours = await timed(() => Promise.all(numbers.map((n) => provision(stack, `burst-${n}`, 0))));
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

async function provision(stack: BenchStack, id: string, port: number): Promise<Task> {
  const user = `u_${id.replaceAll('-', '_')}`;
  const { task } = await stack.call<{ task: Task }>('POST', '/v1/databases', {
    id,
    spec: {
      database_name: id,
      nodes: [{ name: 'n1', host_ids: [stack.config.host.id] }],
      database_users: [{ username: user, password: 'bench-password', db_owner: true, attributes: ['LOGIN'] }],
      services: [
        {
          service_id: 'api',
          service_type: 'postgrest',
          version: 'latest',
          host_ids: [stack.config.host.id],
          port,
          connect_as: user,
          config: { db_pool: 1 },
        },
      ],
    },
  });
  return completed(stack, task);
}

async function remove(stack: BenchStack, id: string): Promise<void> {
  const { task } = await stack.call<{ task: Task }>('DELETE', `/v1/databases/${id}`);
  await completed(stack, task);
}

async function completed(stack: BenchStack, task: Task): Promise<Task> {
  for (;;) {
    const now = await stack.call<Task>('GET', `/v1/databases/${task.database_id}/tasks/${task.task_id}`);
    if (now.status === 'completed') return now;
    if (now.status === 'failed' || now.status === 'canceled') throw new Error(`${task.database_id}: ${now.error}`);
    await delay(5);
  }
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
