import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { quoteIdentifier, quoteLiteral } from '../domain/sql/quote.ts';
import { scramVerifier } from '../platform/scram/verifier.ts';
import type { PacedAnswer, PacedRequest } from './leases/paced.ts';
import { percentile } from './roles/callers.ts';
import { type Superuser, superuserOf } from './roles/connection.ts';
import { cpuMsSince } from './roles/cpu.ts';
import { type Helper, startHelper } from './roles/helper.ts';
import { openTarget } from './roles/target.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { table } from './statistics.ts';

const GROUP = 'bench_lease_group';
const PREFIX = 'bench_by_hand_';
const ADMIN = 'bench_limited_admin';
const FLOOR_CONNECTIONS = 3;
const WARM_UP = { perSecond: 20, count: 60 };
/** A rate is held when nobody waits longer than this, nearly nobody, and nothing fails. */
const HELD_P95_MS = 500;
/** Issuing is flat when the most live leases cost no more than this over the fewest. */
const FLAT = 1.5;
const FEW = 100;

type Paced = Helper<PacedRequest, PacedAnswer>;

interface Bench {
  stack: BenchStack;
  paced: Paced;
  superuser: Superuser;
  verifier: string;
  seconds: number;
}

/**
 * Leases at steady rates beside the same logins made by hand, the highest rate that is held, and what a lease costs an admin role that is no
 * superuser when few and when many are live. `--highest-from 0` and `--live 0` leave the latter two out.
 */
export async function leasesBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '30' },
      rates: { type: 'string', default: '50,100' },
      live: { type: 'string', default: '5000' },
      'highest-from': { type: 'string', default: '120' },
    },
  });
  const stack = await startBenchStack({
    PGSTEWARD_RUNTIME: 'process',
    PGSTEWARD_LEASES_PER_SERVER: '1000000',
    PGSTEWARD_LEASES_PER_HOLDER: '1000000',
    PGSTEWARD_LEASES_WAITING: '5000',
  });
  const target = await openTarget(stack.config);
  const paced = startHelper<PacedRequest, PacedAnswer>(new URL('./leases/paced.ts', import.meta.url));
  try {
    const verifier = await scramVerifier({ password: randomBytes(24).toString('hex'), iterations: 4_096 });
    const bench = {
      stack,
      paced,
      superuser: await superuserOf(stack.config),
      verifier,
      seconds: Number(values.seconds),
    };
    await target.admin.query(`CREATE ROLE ${quoteIdentifier(GROUP)}`);
    await benchRates(bench, values.rates.split(',').map(Number));
    const [from, live] = [Number(values['highest-from']), Number(values.live)];
    if (from > 0) await benchHighest(bench, from);
    if (live > 0) await benchLive(bench, target.admin, live);
  } finally {
    await paced.stop();
    await target.close();
    await stack.stop();
  }
}

const host = (stack: BenchStack): string => stack.config.host.id;

function leasesAt({ stack, paced }: Bench, load: { perSecond: number; count: number }): Promise<PacedAnswer> {
  const wish = { server: host(stack), roles: [GROUP], ttl: 3_600, reason: 'bench' };
  return paced.ask({ ...load, of: { kind: 'leases', baseUrl: stack.apiUrl, headers: stack.admin, wish } });
}

let floors = 0;
function floorAt({ paced, superuser, verifier }: Bench, load: { perSecond: number; count: number }) {
  floors += 1;
  const prefix = `${PREFIX}${floors}_`;
  return paced.ask({
    ...load,
    of: { kind: 'floor', superuser, connections: FLOOR_CONNECTIONS, group: GROUP, prefix, verifier },
  });
}

const p = ({ latencies }: PacedAnswer, share: number): number => percentile(latencies, share);
const ms = (value: number): string => value.toFixed(1);

async function benchRates(bench: Bench, rates: readonly number[]): Promise<void> {
  await leasesAt(bench, WARM_UP);
  await floorAt(bench, WARM_UP);
  const rows = [];
  for (const perSecond of rates) {
    const load = { perSecond, count: perSecond * bench.seconds };
    const floor = await floorAt(bench, load);
    const cpu = process.cpuUsage();
    const ours = await leasesAt(bench, load);
    const cpuMs = cpuMsSince(cpu) / load.count;
    rows.push([
      String(perSecond),
      ms(p(ours, 0.5)),
      ms(p(ours, 0.95)),
      ms(p(floor, 0.5)),
      ms(p(floor, 0.95)),
      `${(p(ours, 0.95) / p(floor, 0.95)).toFixed(1)} x`,
      ms(cpuMs),
      String(ours.failures.length),
    ]);
    for (const failure of new Set(ours.failures)) console.log(failure);
  }
  const head = [
    'leases/s',
    'p50 ms',
    'p95 ms',
    'floor p50',
    'floor p95',
    'p95 over floor',
    'our CPU ms each',
    'failed',
  ];
  console.log(`\nleases at a rate, ${bench.seconds} s each, by a superuser\n${table([head, ...rows])}`);
}

async function benchHighest(bench: Bench, from: number): Promise<void> {
  const seconds = Math.max(3, Math.round(bench.seconds / 3));
  const highest = async (at: (load: { perSecond: number; count: number }) => Promise<PacedAnswer>) => {
    let held = { perSecond: 0, p95: Number.NaN };
    for (let perSecond = from; ; perSecond = Math.round(perSecond * 1.25)) {
      const answer = await at({ perSecond, count: perSecond * seconds });
      if (answer.failures.length > 0 || p(answer, 0.95) > HELD_P95_MS) return { ...held, not: perSecond };
      held = { perSecond, p95: p(answer, 0.95) };
    }
  };
  const ours = await highest((load) => leasesAt(bench, load));
  const floor = await highest((load) => floorAt(bench, load));
  const row = (name: string, of: typeof ours) => [name, String(of.perSecond), ms(of.p95), String(of.not)];
  const head = ['', 'held /s', 'p95 ms', 'not held /s'];
  console.log(
    `\nhighest rate, ${seconds} s each, p95 within ${HELD_P95_MS} ms\n${table([head, row('leases', ours), row('by hand', floor)])}\n` +
      `leases reach ${((ours.perSecond / floor.perSecond) * 100).toFixed(0)} % of what is made by hand over ${FLOOR_CONNECTIONS} connections`,
  );
}

/** As if all leases had ended: what is measured next begins with none. */
async function clear(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^(lease_|${PREFIX})'`,
  );
  for (let start = 0; start < rows.length; start += 500) {
    const names = rows.slice(start, start + 500).map(({ name }) => quoteIdentifier(name));
    await admin.query(`DROP ROLE ${names.join(', ')}`);
  }
  await admin.query('VACUUM (ANALYZE) pg_authid, pg_auth_members, pg_shdescription, pg_shdepend');
}

/** @throws Error where a lease was not given: what is measured next would begin with those that still wait */
function allGiven({ failures }: PacedAnswer): void {
  const [first] = failures;
  if (first !== undefined) throw new Error(`${failures.length} leases were not given, the first: ${first}`);
}

/** An admin role as managed services give out. */
async function benchLive(bench: Bench, admin: pg.Client, most: number): Promise<void> {
  const { stack, seconds } = bench;
  await clear(admin);
  const password = randomBytes(24).toString('hex');
  const name = quoteIdentifier(ADMIN);
  await admin.query(
    `CREATE ROLE ${name} LOGIN CREATEROLE PASSWORD ${quoteLiteral(password)}; GRANT pg_signal_backend TO ${name};
     GRANT ${quoteIdentifier(GROUP)} TO ${name} WITH ADMIN OPTION`,
  );
  const { host: address, port, ssl } = bench.superuser;
  await stack.call('PUT', `/v1/servers/${host(stack)}`, {
    endpoints: [{ address, port }],
    tls: { mode: 'verify-full', ca_certificate: ssl.ca },
    admin: { user: ADMIN, password },
  });
  const load = { perSecond: 20, count: 20 * Math.max(5, Math.round(seconds / 2)) };
  const live = async () => {
    const { rows } = await admin.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_roles WHERE rolname ~ '^lease_'`,
    );
    return rows[0]?.count ?? 0;
  };
  const fill = async (count: number) => {
    const missing = count - (await live());
    if (missing > 0) allGiven(await leasesAt(bench, { perSecond: 80, count: missing }));
  };
  await fill(FEW);
  await admin.query('ANALYZE pg_authid, pg_auth_members');
  const measure = async () => {
    const before = await live();
    const answer = await leasesAt(bench, load);
    allGiven(answer);
    return { before, answer };
  };
  const few = await measure();
  await fill(most);
  const many = await measure();
  const ratio = p(many.answer, 0.95) / p(few.answer, 0.95);
  const row = ({ before, answer }: typeof few) => [String(before), ms(p(answer, 0.5)), ms(p(answer, 0.95))];
  const { rows } = await admin.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  console.log(
    `\nby an admin role that is no superuser, PostgreSQL ${rows[0]?.version}, ${load.perSecond} leases/s\n` +
      `${table([['live leases', 'p50 ms', 'p95 ms'], row(few), row(many)])}\n` +
      `p95 ratio ${ratio.toFixed(2)} x, ${ratio <= FLAT ? 'flat' : 'not flat'} (bar ${FLAT} x)`,
  );
}
