import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTargetServer, type TargetAddress, type TargetServer } from '../../../platform/target/target-server.ts';
import { freePort } from '../../support/ports.ts';
import { startTwins, type Twin, type Twins } from './support/twins.ts';

let twins: Twins;
const opened: TargetServer[] = [];

beforeAll(async () => {
  twins = await startTwins();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});
afterAll(() => twins.stop());

function open(change: Partial<TargetAddress> = {}): TargetServer {
  const server = createTargetServer({ ...twins.address, ...change });
  opened.push(server);
  return server;
}

const session = { applicationName: 'test', doing: 'testing' };
const label = ({ address, port }: Pick<Twin, 'address' | 'port'>) => `${address}:${port}`;

async function portOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ port: number }>(`SELECT current_setting('port')::int AS port`);
  return rows[0]?.port ?? 0;
}

const workPort = (server: TargetServer) => server.onMaintenance(session, portOf);

describe('with a primary and a standby', () => {
  test('work of every kind goes to the primary, wherever it stands in the list', async () => {
    const server = open();
    const ports = await Promise.all([
      workPort(server),
      server.inMaintenanceTransaction(session, portOf),
      server.inDatabaseTransaction({ database: 'template1' }, session, portOf),
    ]);
    expect(ports).toEqual([twins.left.port, twins.left.port, twins.left.port]);
  });

  test('an endpoint that does not answer keeps nothing from the primary', async () => {
    const server = open({ endpoints: [{ address: '127.0.0.1', port: await freePort() }, twins.left] });
    expect(await workPort(server)).toBe(twins.left.port);
  });

  test('an endpoint of another cluster is never taken for the primary', async () => {
    const server = open({ systemIdentifier: '1' });
    await expect(workPort(server)).rejects.toMatchObject({
      type: 'ServerUnavailable',
      message: expect.stringMatching(new RegExp(`${label(twins.left)} is another cluster`)),
    });
  });

  test('without an endpoint that takes changes the error says what each of them answered', async () => {
    const nobody = { address: '127.0.0.1', port: await freePort() };
    await expect(workPort(open({ endpoints: [twins.right, nobody] }))).rejects.toMatchObject({
      type: 'ServerUnavailable',
      message: expect.stringMatching(
        new RegExp(`${label(twins.right)} is a standby; .*${label(nobody)}: connect ECONNREFUSED`),
      ),
    });
  });

  test('a wrong password is said to be one', async () => {
    await expect(workPort(open({ adminPassword: 'wrong' }))).rejects.toMatchObject({
      type: 'SqlRefused',
      message: expect.stringMatching(/password authentication failed/),
    });
  });

  test('a single endpoint that is a standby takes no work', async () => {
    await expect(workPort(open({ endpoints: [twins.right] }))).rejects.toMatchObject({
      type: 'ServerUnavailable',
      message: expect.stringMatching(/is a standby/),
    });
  });

  test('first queries that reach a standby fail with the work, and change nothing', async () => {
    const server = open({ endpoints: [twins.right] });
    let first: Promise<unknown> | undefined;
    const work = server.reserve({ applicationName: 'test', doing: 'testing' }, 1, (lease) =>
      lease.connect({ database: 'postgres' }, (client) => {
        first = client.query('CREATE ROLE on_a_standby').catch((error: Error) => error);
      }),
    );
    await expect(work).rejects.toMatchObject({ type: 'ServerUnavailable' });
    expect(await first).toBeInstanceOf(Error);
    expect(await twins.left.query(`SELECT 1 FROM pg_roles WHERE rolname = 'on_a_standby'`)).toEqual([]);
  });

  test('a primary that is made read-only takes no work, kept connections or not, until it is writable again', async () => {
    const server = open();
    await workPort(server);
    const becomes = (pattern: RegExp) =>
      expect
        .poll(() => workPort(server).then(String, (error: Error) => error.message), { timeout: 20_000 })
        .toMatch(pattern);
    await twins.left.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await twins.left.query('SELECT pg_reload_conf()');
    await becomes(new RegExp(`${label(twins.left)} is read-only`));
    await twins.left.query('ALTER SYSTEM RESET default_transaction_read_only');
    await twins.left.query('SELECT pg_reload_conf()');
    await becomes(new RegExp(`^${twins.left.port}$`));
  });
});

describe('a promotion', () => {
  test('moves all work to the new primary, also of a process that knows the old one', async () => {
    const server = open();
    expect(await workPort(server)).toBe(twins.left.port);
    await twins.left.stop();
    await twins.right.query('SELECT pg_promote()');
    expect(await workPort(server)).toBe(twins.right.port);
  });

  test('beside an old primary that comes back stops all changes, and both are named', async () => {
    const knowing = open();
    expect(await workPort(knowing)).toBe(twins.right.port);
    await twins.left.start();
    const refused = {
      type: 'TwoPrimaries',
      message: expect.stringMatching(new RegExp(`${label(twins.right)} and ${label(twins.left)}`)),
    };
    await expect(workPort(open())).rejects.toMatchObject(refused);
    // Whoever knows one of them asks again after the first lost connection.
    const lost = knowing.onMaintenance(session, async (client) => {
      const ended = new Promise((resolve) => client.once('end', resolve));
      await twins.right.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'`);
      await ended;
      await client.query('SELECT 1');
    });
    await expect(lost).rejects.toMatchObject({ type: 'ServerUnavailable' });
    await expect(workPort(knowing)).rejects.toMatchObject(refused);
  });

  test('is over when the old primary has become a standby', async () => {
    await twins.left.stop();
    await twins.left.demote();
    await twins.left.start();
    expect(await workPort(open())).toBe(twins.right.port);
  });
});

test('a server that was restarted is used again without a failure', async () => {
  const server = open({ endpoints: [twins.right] });
  await workPort(server);
  await twins.right.stop();
  await twins.right.start();
  expect(await workPort(server)).toBe(twins.right.port);
});
