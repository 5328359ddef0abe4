import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { until } from '../../support/follow.ts';
import { freePort } from '../../support/ports.ts';
import type { TestStack } from '../../support/stack.ts';

/** A PgBouncer of the test's own. */
export interface PgbouncerForTests {
  port: number;
  admin: { user: string; password: string };
  /** Name of its authentication file below the directory of consumers. */
  authFile: string;
  /** Runs a query through it. */
  query(sql: string, login: { user: string; password: string }): Promise<unknown[]>;
  stop(): Promise<void>;
}

/** PgBouncer does not run as root. */
const NOBODY = 65_534;
const admin = { user: 'bouncer_admin', password: 'bouncer-admin-password' };

async function binary(): Promise<string> {
  for (const path of ['/usr/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/usr/bin/pgbouncer']) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error('this test needs PgBouncer: apt-get install pgbouncer');
}

/** @param directory of consumers, which PgBouncer can read */
export async function startPgbouncer(
  stack: TestStack,
  of: { directory: string; database: string },
): Promise<PgbouncerForTests> {
  const { directory, database } = of;
  const port = await freePort();
  const authFile = 'pgbouncer/users.txt';
  const own = join(directory, 'pgbouncer');
  await mkdir(own, { mode: 0o755 });
  await writeFile(join(directory, authFile), `"${admin.user}" "${admin.password}"\n`, { mode: 0o600 });
  const [endpoint] = stack.target.address.endpoints;
  await writeFile(
    join(own, 'pgbouncer.ini'),
    `[databases]
${database} = host=${endpoint?.address} port=${endpoint?.port} dbname=${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(directory, authFile)}
admin_users = ${admin.user}
pool_mode = transaction
server_tls_sslmode = require
`,
  );
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    await chmod(directory, 0o755);
    for (const name of ['', 'users.txt', 'pgbouncer.ini']) await chown(join(own, name), NOBODY, NOBODY);
  }
  const child: ChildProcess = spawn(await binary(), [join(own, 'pgbouncer.ini')], {
    stdio: 'ignore',
    ...(isRoot && { uid: NOBODY, gid: NOBODY }),
  });
  const exited = once(child, 'exit');
  const query: PgbouncerForTests['query'] = async (sql, login) => {
    const client = new pg.Client({ host: '127.0.0.1', port, database, ...login });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  await until(async () => {
    const client = new pg.Client({ host: '127.0.0.1', port, database: 'pgbouncer', ...admin });
    return client.connect().then(
      async () => {
        await client.end();
        return true;
      },
      () => undefined,
    );
  });
  return {
    ...{ port, admin, authFile, query },
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
