import { parseArgs } from 'node:util';
import type pg from 'pg';
import { metadataOf } from './metadata.ts';
import { type Bench, benchSides, DATABASE, PREFIX, percentile, type Side, turn } from './roles/callers.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table } from './statistics.ts';

const API_USER = 'pgadmin';
const API_PASSWORD = 'bench';
const ENVIRONMENT = 'dev';

/** Entries of the registry, and the calls of one turn with each. */
const SIZES = [1, 10, 1_000, 10_000];
const ALONE = { callers: 1, calls: 100 };
const TOGETHER = { callers: 20, calls: 400 };
/** A cost per call is flat when the largest registry costs no more than this over the smallest. */
const FLAT = 1.15;

/**
 * Users through `/api/v1/users/app` beside a stand-in of pg-user-api, by turns, for 1, 20 and 100 callers; and what a call costs
 * with 1 to 10,000 entries in the registry.
 */
export async function usersBench(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { runs: { type: 'string', default: '5' } } });
  const runs = Number(values.runs);
  const stack = await startBenchStack({
    PGSTEWARD_RUNTIME: 'process',
    PG_API_USER: API_USER,
    PG_API_PASS: API_PASSWORD,
  });
  const metadata = await metadataOf(stack.config);
  try {
    const ours = oursSide(stack);
    await benchSides(stack, runs, {
      ours,
      prepare: () => resize(metadata, stack, 1),
      more: (bench) => benchSizes({ bench, metadata, stack, runs }),
    });
  } finally {
    await metadata.end();
    await stack.stop();
  }
}

function oursSide(stack: BenchStack): Side {
  const pair = Buffer.from(`${API_USER}:${API_PASSWORD}`).toString('base64');
  return {
    baseUrl: stack.apiUrl,
    headers: { authorization: `Basic ${pair}` },
    call: (name) => ({
      method: 'GET',
      path: `/api/v1/users/app?env=${ENVIRONMENT}&database=${DATABASE}&servername=${PREFIX}${name}&port=8080`,
    }),
  };
}

/** Gives the registry a number of entries, the database of the calls among them. */
async function resize(metadata: pg.Client, stack: BenchStack, size: number): Promise<void> {
  await metadata.query('DELETE FROM registry');
  await metadata.query(
    `INSERT INTO registry (env, db_name, hostname, port, server_name)
     SELECT $1, CASE n WHEN $2::int / 2 + 1 THEN $3 ELSE 'bench_' || n END, '127.0.0.1', $4, $5
     FROM generate_series(1, $2::int) AS n`,
    [ENVIRONMENT, size, DATABASE, stack.config.targetPort, stack.config.host.id],
  );
  await metadata.query('VACUUM (ANALYZE) registry');
}

interface Measured {
  latencies: number[];
  perSecond: number[];
}

/** Up and down the sizes in turn, so that a machine that gets slower is slower for all of them. */
async function benchSizes(of: { bench: Bench; metadata: pg.Client; stack: BenchStack; runs: number }): Promise<void> {
  const { bench, metadata, stack, runs } = of;
  const measured = new Map(SIZES.map((size): [number, Measured] => [size, { latencies: [], perSecond: [] }]));
  for (let run = 0; run < runs; run += 1) {
    for (const [size, into] of run % 2 === 0 ? [...measured] : [...measured].toReversed()) {
      await resize(metadata, stack, size);
      into.latencies.push(...(await turn(bench, bench.sides.ours, ALONE)).latencies);
      const { ms } = await turn(bench, bench.sides.ours, TOGETHER);
      into.perSecond.push((TOGETHER.calls * 1_000) / ms);
    }
  }
  report(measured);
}

function report(measured: ReadonlyMap<number, Measured>): void {
  const [smallest] = [...measured.values()];
  const first = smallest === undefined ? Number.NaN : percentile(smallest.latencies, 0.5);
  const fastest = smallest === undefined ? Number.NaN : median(smallest.perSecond);
  const rows = [...measured].map(([size, { latencies, perSecond }]) => {
    const alone = percentile(latencies, 0.5) / first;
    const together = fastest / median(perSecond);
    return [
      String(size),
      percentile(latencies, 0.5).toFixed(1),
      `${alone.toFixed(2)} x`,
      median(perSecond).toFixed(0),
      `${together.toFixed(2)} x`,
      alone <= FLAT && together <= FLAT ? 'flat' : 'not flat',
    ];
  });
  const head = ['entries', 'alone: p50 ms', 'ratio', '20 callers: calls/s', 'cost ratio', `bar ${FLAT} x`];
  console.log(`\nusers/app by the size of the registry\n${table([head, ...rows])}`);
}
