import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scramVerifier } from '../../platform/scram/verifier.ts';
import type { BenchStack } from '../stack.ts';
import { median, table } from '../statistics.ts';
import { caFile } from './connection.ts';
import type { FloorAnswer, FloorRequest } from './floor.ts';
import { type Helper, startHelper } from './helper.ts';
import type { Call, LoadAnswer, LoadRequest } from './load.ts';
import { type StandIn, startStandIn } from './stand-in.ts';
import { type BenchTarget, openTarget } from './target.ts';

/** Calls of one turn, the same number for both. */
const LOADS = [
  { callers: 1, calls: 200, bar: { latency: 1.5 } },
  { callers: 20, calls: 600, bar: { throughput: 2 } },
  { callers: 100, calls: 1_000, bar: { throughput: 3 } },
] as const;
/** What the server itself can do, without any service. */
const FLOORS = [
  { title: 'over 3 connections, each statement by itself', connections: 3, perTransaction: 1 },
  { title: 'over 20 connections, each statement by itself', connections: 20, perTransaction: 1 },
  { title: 'over 3 connections, 20 statements together', connections: 3, perTransaction: 20 },
] as const;
const FLOOR_STATEMENTS = 600;
const WARM_UP_CALLS = 40;
/** Database that the roles get a setting in. */
export const DATABASE = 'bench_callers';
export const PREFIX = 'bench_caller_';
const ITERATIONS = 4_096;

/** One of the two that are compared. */
export interface Side {
  baseUrl: string;
  headers: Record<string, string>;
  /** Call that creates the role {@link PREFIX} + name. */
  call(name: string): Call;
}

/** What turns are taken with. */
export interface Bench {
  target: BenchTarget;
  load: Helper<LoadRequest, LoadAnswer>;
  floor: Helper<FloorRequest, FloorAnswer>;
  sides: { standIn: Side; ours: Side };
}

/** What the turns of one side came to. */
interface Outcome {
  perSecond: number[];
  latencies: number[];
}

/** Roles with generated passwords, made for callers that each wait for their answer, by us and by the stand-in in turn. */
export function benchCallers(stack: BenchStack, runs: number): Promise<void> {
  return benchSides(stack, runs, { ours: oursSide(stack) });
}

/**
 * The same for any way of ours that makes such roles.
 * @param of.prepare once the database is there
 * @param of.more measures more, with the same helpers
 */
export async function benchSides(
  stack: BenchStack,
  runs: number,
  of: { ours: Side; prepare?: () => Promise<void>; more?: (bench: Bench) => Promise<void> },
): Promise<void> {
  const target = await openTarget(stack.config);
  const directory = await mkdtemp(join(tmpdir(), 'pgsteward-stand-in-'));
  const load = startHelper<LoadRequest, LoadAnswer>(new URL('load.ts', import.meta.url));
  const floor = startHelper<FloorRequest, FloorAnswer>(new URL('floor.ts', import.meta.url));
  let standIn: StandIn | undefined;
  try {
    await target.createDatabase(DATABASE);
    const { superuser } = target;
    standIn = await startStandIn({ directory, superuser, caFile: caFile(stack.config), database: DATABASE });
    console.log(`\nroles with generated passwords; ${runs} runs, by turns`);
    console.log(`stand-in of pg-user-api: ${standIn.description}, built-in server, a thread for each request`);
    await of.prepare?.();
    const bench = { target, load, floor, sides: { standIn: standInSide(standIn), ours: of.ours } };
    for (const side of Object.values(bench.sides)) await turn(bench, side, { callers: 4, calls: WARM_UP_CALLS });
    await benchLoads(bench, runs);
    const calls = WARM_UP_CALLS + runs * LOADS.reduce((sum, each) => sum + each.calls, 0);
    const audited = await standIn.auditRows();
    if (audited < calls) console.log(`the stand-in lost ${calls - audited} of ${calls} rows of its audit log`);
    await of.more?.(bench);
  } finally {
    await standIn?.stop();
    await Promise.all([load.stop(), floor.stop()]);
    await target.dropRoles(PREFIX);
    await target.dropDatabase(DATABASE);
    await target.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function standInSide(standIn: StandIn): Side {
  return {
    baseUrl: standIn.url,
    headers: standIn.headers,
    call: (name) => ({
      method: 'GET',
      path: `/api/v1/users/app?env=dev&database=${DATABASE}&servername=${PREFIX}${name}&port=8080`,
    }),
  };
}

function oursSide(stack: BenchStack): Side {
  return {
    baseUrl: stack.apiUrl,
    headers: stack.admin,
    call: (name) => ({
      method: 'PUT',
      path: `/v1/servers/${stack.config.host.id}/roles/${PREFIX}${name}_8080`,
      body: {
        login: true,
        generate_password: true,
        connection_limit: 200,
        settings: [{ name: 'search_path', value: 'public', database: DATABASE }],
      },
    }),
  };
}

async function benchLoads(bench: Bench, runs: number): Promise<void> {
  const floors = FLOORS.map(() => [] as number[]);
  const outcomes = LOADS.map(() => ({ standIn: newOutcome(), ours: newOutcome() }));
  for (let run = 0; run < runs; run += 1) {
    for (const [index, load] of LOADS.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      const sides = ['standIn', 'ours'] as const;
      for (const side of run % 2 === 0 ? sides : sides.toReversed()) {
        const { ms, latencies } = await turn(bench, bench.sides[side], load);
        outcome[side].perSecond.push((load.calls * 1_000) / ms);
        outcome[side].latencies.push(...latencies);
      }
    }
    for (const [index, of] of FLOORS.entries()) floors[index]?.push(await serverFloor(bench, of));
  }
  reportLoads(outcomes);
  reportFloors(floors, outcomes);
}

const newOutcome = (): Outcome => ({ perSecond: [], latencies: [] });

let names = 0;

/** One turn of one side. @throws Error unless every role is there as it was asked for */
export async function turn(bench: Bench, side: Side, of: { callers: number; calls: number }): Promise<LoadAnswer> {
  const { baseUrl, headers } = side;
  const calls = Array.from({ length: of.calls }, () => {
    names += 1;
    return side.call(String(names));
  });
  const answer = await bench.load.ask({ baseUrl, headers, callers: of.callers, calls });
  const [failure] = answer.failures;
  if (failure !== undefined) {
    throw new Error(`${answer.failures.length} of ${of.calls} calls to ${baseUrl} failed, the first with ${failure}`);
  }
  const { rows } = await bench.target.admin.query<{ made: number }>(
    `SELECT count(*)::int AS made FROM pg_authid a JOIN pg_db_role_setting s ON s.setrole = a.oid
     WHERE starts_with(rolname, $1) AND rolconnlimit = 200 AND starts_with(rolpassword, 'SCRAM-SHA-256$')
       AND s.setconfig = '{search_path=public}' AND rolcanlogin`,
    [PREFIX],
  );
  const made = rows[0]?.made ?? 0;
  if (made !== of.calls) throw new Error(`${made} of ${of.calls} roles were made by ${baseUrl}`);
  await cleanUp(bench.target);
  return answer;
}

async function cleanUp(target: BenchTarget): Promise<void> {
  await target.dropRoles(PREFIX);
  await target.admin.query('VACUUM pg_authid, pg_db_role_setting, pg_shdepend, pg_shdescription');
}

/** @returns statements per second */
async function serverFloor(bench: Bench, of: (typeof FLOORS)[number]): Promise<number> {
  const { superuser } = bench.target;
  const verifier = await scramVerifier({ password: 'bench', iterations: ITERATIONS });
  const creation = {
    names: Array.from({ length: FLOOR_STATEMENTS }, (_, index) => `${PREFIX}floor_${index}`),
    verifier,
    connections: of.connections,
    perTransaction: of.perTransaction,
  };
  const { ms } = await bench.floor.ask({ superuser, task: 'create roles', creation });
  await cleanUp(bench.target);
  return (FLOOR_STATEMENTS * 1_000) / ms;
}

function reportLoads(outcomes: readonly { standIn: Outcome; ours: Outcome }[]): void {
  const rows = LOADS.map(({ callers, bar }, index) => {
    const { standIn, ours } = outcomes[index] ?? { standIn: newOutcome(), ours: newOutcome() };
    const throughput = median(ours.perSecond) / median(standIn.perSecond);
    const latency = percentile(ours.latencies, 0.5) / percentile(standIn.latencies, 0.5);
    const kept = 'latency' in bar ? latency <= bar.latency : throughput >= bar.throughput;
    return [
      String(callers),
      ...figures(standIn),
      ...figures(ours),
      `${throughput.toFixed(2)} x`,
      `${latency.toFixed(2)} x`,
      'latency' in bar ? `p50 <= ${bar.latency} x` : `calls/s >= ${bar.throughput} x`,
      kept ? 'kept' : 'missed',
    ];
  });
  const of = (who: string) => [`${who} calls/s`, 'p50 ms', 'p95 ms'];
  console.log(
    table([['callers', ...of('stand-in:'), ...of('ours:'), 'calls/s ratio', 'p50 ratio', 'bar', ''], ...rows]),
  );
}

function figures({ perSecond, latencies }: Outcome): string[] {
  return [median(perSecond).toFixed(0), percentile(latencies, 0.5).toFixed(1), percentile(latencies, 0.95).toFixed(1)];
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function reportFloors(floors: readonly number[][], outcomes: readonly { ours: Outcome }[]): void {
  const reached = LOADS.slice(1).map(({ callers }, index) => ({
    callers,
    perSecond: median(outcomes[index + 1]?.ours.perSecond ?? []),
  }));
  console.log(
    `\n${table([
      [
        'CREATE ROLE … PASSWORD verifier, straight from Node',
        'per second',
        ...reached.map(({ callers }) => `reached by ${callers} callers`),
      ],
      ...FLOORS.map(({ title }, index) => {
        const floor = median(floors[index] ?? []);
        return [
          title,
          floor.toFixed(0),
          ...reached.map(({ perSecond }) => `${((100 * perSecond) / floor).toFixed(0)} %`),
        ];
      }),
    ])}`,
  );
}
