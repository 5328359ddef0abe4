import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { createLocalPostgres, type LocalPostgres } from '../../../../platform/local/postgres.ts';
import type { Endpoint } from '../../../../platform/target/address.ts';
import type { TargetAddress } from '../../../../platform/target/target-server.ts';
import { freePort } from '../../../support/ports.ts';

/** One of two servers on copies of the same data. */
export interface Twin extends Endpoint {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Becomes a standby at its next start. */
  demote(): Promise<void>;
  query<R extends pg.QueryResultRow>(sql: string): Promise<R[]>;
}

/** Two servers of one cluster; `left` is a primary, `right` a standby of nobody. */
export interface Twins {
  left: Twin;
  right: Twin;
  address: TargetAddress;
  stop(): Promise<void>;
}

/** Both run. Without TLS: the password is known to both by SCRAM. */
export async function startTwins(): Promise<Twins> {
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-twins-'));
  // The servers run as another user where the tests run as root.
  await chmod(home, 0o755);
  const [leftPort, rightPort] = [await freePort(), await freePort()];
  const local = (name: string, port: number) =>
    createLocalPostgres({
      name,
      dataDir: join(home, name),
      logFile: join(home, `${name}.log`),
      passwordFile: join(home, 'password'),
      port,
      portVariable: 'none',
      settings: { shared_buffers: '32MB', fsync: 'off' },
    });
  const left = local('left', leftPort);
  const { password, user } = await left.start();
  await left.stop();
  // With owner and modes.
  await promisify(execFile)('cp', ['-a', join(home, 'left'), join(home, 'right')]);
  const twin = (name: string, server: LocalPostgres, port: number): Twin => ({
    address: '127.0.0.1',
    port,
    start: async () => void (await server.start()),
    stop: () => server.stop(),
    demote: () => writeFile(join(home, name, 'standby.signal'), ''),
    async query(sql) {
      const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
  });
  const twins = {
    left: twin('left', left, leftPort),
    right: twin('right', local('right', rightPort), rightPort),
  };
  await twins.right.demote();
  await Promise.all([twins.left.start(), twins.right.start()]);
  return {
    ...twins,
    address: {
      name: 'twins',
      // The standby comes first: whoever takes the first one is wrong.
      endpoints: [twins.right, twins.left].map(({ address, port }) => ({ address, port })),
      maintenanceDb: 'postgres',
      tls: { mode: 'disable' },
      adminUser: user,
      adminPassword: password,
    },
    async stop() {
      await Promise.all([twins.left.stop(), twins.right.stop()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}
