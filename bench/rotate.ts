import { parseArgs } from 'node:util';
import pg from 'pg';
import { scramVerifier } from '../platform/scram/verifier.ts';
import { makeRolePassword } from '../platform/secrets/role-password.ts';
import { metadataOf } from './metadata.ts';
import { superuserOf } from './roles/connection.ts';
import { type BenchStack, startBenchStack } from './stack.ts';
import { median, table, timed } from './statistics.ts';

const PREFIX = 'bench_rotated_';
/** Callers side by side, and connections of the floor: those that a batch uses. */
const CALLERS = 20;
const FLOOR_CONNECTIONS = 3;
/** Statements of the floor that go in one message, as in a batch. */
const TOGETHER = 50;
const LOOK_MS = 20;

/**
 * In-place rotations of many roles that are due together, from the first request to the last password on record, beside the raw SQL
 * floor of the same run: the same number of verifiers made and set, over as many connections as a batch uses; and the same with a login
 * with each of the new passwords, which is what a rotation proves.
 */
export async function rotateBench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { roles: { type: 'string', default: '1000' }, runs: { type: 'string', default: '3' } },
  });
  const [roles, runs] = [Number(values.roles), Number(values.runs)];
  const stack = await startBenchStack({ PGSTEWARD_RUNTIME: 'process' });
  const metadata = await metadataOf(stack.config);
  const floor = await floorConnections(stack);
  try {
    const names = Array.from({ length: roles }, (_, index) => `${PREFIX}${index}`);
    await floor[0]?.query(names.map((name) => `CREATE ROLE ${name} LOGIN`).join('; '));
    const ids = await define(stack, names);
    const ours: number[] = [];
    const raw: number[] = [];
    const proven: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const passwords = new Map<string, string>();
      const set = await timed(() => setAll(floor, names, passwords));
      raw.push(set.ms);
      proven.push(set.ms + (await timed(() => logInAll(stack, passwords))).ms);
      ours.push((await timed(() => rotateAll(stack, metadata, ids))).ms);
    }
    const row = (name: string, times: number[]) => [
      name,
      `${Math.round(median(times))} ms`,
      `${Math.round((roles / median(times)) * 1000)}/s`,
    ];
    console.log(
      table([
        ['', `${roles} roles`, 'rate'],
        row(`raw SQL over ${FLOOR_CONNECTIONS} connections`, raw),
        row('the same, and a login each', proven),
        row('rotations', ours),
      ]),
    );
    const ratio = (floor: number[]) => (median(ours) / median(floor)).toFixed(2);
    console.log(`ratio: ${ratio(proven)} to raw SQL with logins, ${ratio(raw)} without (median of ${runs})`);
  } finally {
    await Promise.all(floor.map((client) => client.end()));
    await metadata.end();
    await stack.stop();
  }
}

async function define(stack: BenchStack, names: readonly string[]): Promise<string[]> {
  const server = stack.config.host.id;
  const ids: string[] = [];
  await inParallel(names, async (role) => {
    const { id } = await stack.call<{ id: string }>('POST', '/v1/rotations', { server, role, strategy: 'in-place' });
    ids.push(id);
  });
  return ids;
}

async function rotateAll(stack: BenchStack, metadata: pg.Client, ids: readonly string[]): Promise<void> {
  const before = await versions(metadata);
  await inParallel(ids, (id) => stack.call('POST', `/v1/rotations/${id}/trigger`));
  while ((await versions(metadata)) < before + ids.length) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

async function versions(metadata: pg.Client): Promise<number> {
  const { rows } = await metadata.query<{ sum: number }>('SELECT sum(secret_version)::int AS sum FROM rotations');
  return rows[0]?.sum ?? 0;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
    }),
  );
}

async function floorConnections(stack: BenchStack): Promise<pg.Client[]> {
  const superuser = await superuserOf(stack.config);
  return Promise.all(
    Array.from({ length: FLOOR_CONNECTIONS }, async () => {
      const client = new pg.Client({ ...superuser, database: 'postgres' });
      await client.connect();
      return client;
    }),
  );
}

/** A login with each password, as many at a time as connections of the floor. */
async function logInAll(stack: BenchStack, passwords: ReadonlyMap<string, string>): Promise<void> {
  const superuser = await superuserOf(stack.config);
  const queue = [...passwords];
  await Promise.all(
    Array.from({ length: FLOOR_CONNECTIONS }, async () => {
      for (let login = queue.pop(); login !== undefined; login = queue.pop()) {
        const client = new pg.Client({ ...superuser, user: login[0], password: login[1], database: 'postgres' });
        await client.connect();
        await client.end();
      }
    }),
  );
}

/** @param passwords what was set, by role */
async function setAll(
  clients: readonly pg.Client[],
  names: readonly string[],
  passwords: Map<string, string>,
): Promise<void> {
  const queue = [...names];
  await Promise.all(
    clients.map(async (client) => {
      for (let part = queue.splice(0, TOGETHER); part.length > 0; part = queue.splice(0, TOGETHER)) {
        const statements = await Promise.all(
          part.map(async (name) => {
            const password = makeRolePassword();
            passwords.set(name, password);
            const verifier = await scramVerifier({ password, iterations: 4096 });
            return `ALTER ROLE ${name} PASSWORD '${verifier}'`;
          }),
        );
        await client.query(`BEGIN; ${statements.join('; ')}; COMMIT`);
      }
    }),
  );
}
