import { parseArgs } from 'node:util';
import type pg from 'pg';
import { metadataOf } from './metadata.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const SIZES = [10, 1_000, 10_000];
const PAGE = 100;

/** Medians in milliseconds. */
interface Measured {
  size: number;
  /** A request that reads nothing, in the rounds of the pages. */
  floor: number;
  firstPage: number;
  lastPage: number;
  whole: number;
}

/**
 * What `GET /v1/databases` costs with 10, 1,000 and 10,000 databases on record: the first and the last page of 100, and the whole
 * list. Pages take turns with a request that reads nothing, so that a machine that gets slower is slower for both.
 */
export async function listBench(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '31' } } });
  const stack = await startBenchStack({ PGSTEWARD_RUNTIME: 'process' });
  const client = await metadataOf(stack.config);
  try {
    const measured: Measured[] = [];
    for (const size of SIZES) {
      await fill(client, { hostId: stack.config.host.id, size });
      measured.push(await measure(stack, size, Number(values.runs)));
    }
    print(measured);
  } finally {
    await client.end();
    await stack.stop();
  }
}

/** Adds databases up to a number of them, each with a specification as large as one with scripts and two services is. */
async function fill(client: pg.Client, to: { hostId: string; size: number }): Promise<void> {
  const statements = Array.from(
    { length: 40 },
    (_, n) => `CREATE TABLE api.items_${n} (id bigint PRIMARY KEY, name text)`,
  );
  const service = { service_type: 'postgrest', version: 'latest', host_ids: [to.hostId], port: 0, connect_as: 'app' };
  const spec = {
    database_name: 'bench',
    nodes: [{ name: 'n1', host_ids: [to.hostId] }],
    database_users: [{ username: 'app', db_owner: true, attributes: ['LOGIN'] }],
    scripts: { post_database_create: statements },
    services: ['api', 'web'].map((id) => ({ ...service, service_id: id, config: { db_schemas: 'api', db_pool: 5 } })),
  };
  await client.query(
    `INSERT INTO databases (id, database_name, spec, state)
     SELECT 'bench-' || lpad(n::text, 6, '0'), 'bench', $1, 'available' FROM generate_series(1, $2::int) AS n
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(spec), to.size],
  );
  await client.query('VACUUM (ANALYZE) databases');
}

async function measure(stack: BenchStack, size: number, runs: number): Promise<Measured> {
  const last = `bench-${String(Math.max(0, size - PAGE)).padStart(6, '0')}`;
  const page = `/v1/databases?limit=${PAGE}`;
  const length = Math.min(size, PAGE);
  const pages = {
    floor: FLOOR,
    first: { path: page, length },
    last: { path: `${page}&after_database_id=${last}`, length },
  };
  const ofPages = await byTurns(stack, pages, runs);
  // Apart from the others: what a long list leaves to the garbage collector is not theirs.
  const ofWhole = await byTurns(stack, { whole: { path: '/v1/databases', length: size } }, runs);
  return {
    size,
    floor: ofPages.floor,
    firstPage: ofPages.first,
    lastPage: ofPages.last,
    whole: ofWhole.whole,
  };
}

interface Question {
  path: string;
  /** Databases that the answer must have. */
  length?: number;
}

/** A request that reads nothing. */
const FLOOR: Question = { path: '/v1/version' };
/** Rounds that warm up connections and code, and do not count. */
const WARM_UP = 5;

/** Asks every question once in each round. @returns medians in milliseconds */
async function byTurns<Name extends string>(
  stack: BenchStack,
  questions: Record<Name, Question>,
  runs: number,
): Promise<Record<Name, number>> {
  const names = Object.keys(questions) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -WARM_UP; round < runs; round += 1) {
    for (const name of names) {
      const { path, length } = questions[name];
      const { ms, result } = await timed(() => stack.call<{ databases?: unknown[] }>('GET', path));
      if (result.databases?.length !== length) throw new Error(`${path} gave ${result.databases?.length} databases`);
      if (round >= 0) times[name].push(ms);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<Name, number>;
}

function print(measured: readonly Measured[]): void {
  const ms = (value: number) => value.toFixed(2);
  console.log(
    table([
      ['databases on record', 'floor', `first ${PAGE}`, `last ${PAGE}`, 'all', 'all, per item'],
      ...measured.map(({ size, floor, firstPage, lastPage, whole }) => [
        String(size),
        ms(floor),
        ms(firstPage),
        ms(lastPage),
        ms(whole),
        (whole / size).toFixed(4),
      ]),
    ]),
  );
  const [, thousand, most] = measured;
  if (thousand === undefined || most === undefined) return;
  const compare = (what: string, cost: (of: Measured) => number, bar: string) =>
    console.log(
      `ratio: ${what} at ${most.size} to ${thousand.size}: ${(cost(most) / cost(thousand)).toFixed(2)} (${bar}: 1)`,
    );
  console.log('medians in ms; pages are compared as multiples of the floor of the same rounds');
  compare(`first page of ${PAGE}`, ({ firstPage, floor }) => firstPage / floor, 'flat');
  compare(`last page of ${PAGE}`, ({ lastPage, floor }) => lastPage / floor, 'flat');
  compare('whole list, per item,', ({ whole, size }) => whole / size, 'linear');
}
