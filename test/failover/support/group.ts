import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { writePrivateFile } from '../../../platform/files/write-private-file.ts';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../../platform/local/certificates.ts';
import { createLocalPostgres } from '../../../platform/local/postgres.ts';
import { bundledPostgres } from '../../../platform/local/postgres-binaries.ts';
import { until } from '../../support/follow.ts';
import { freePort } from '../../support/ports.ts';
import type { TargetForTests } from '../../support/target.ts';

/** One server of a replication group. */
export interface Member {
  address: string;
  port: number;
  dataDir: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it and everything that belongs to it without warning. */
  kill(): Promise<void>;
  /** Stops the clock of the server and of all its sessions: connections stay and nothing answers. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  promote(): Promise<void>;
  /** At its next start it is a standby of the other member. */
  follow(other: Member): Promise<void>;
  query<R extends pg.QueryResultRow>(sql: string, database?: string): Promise<R[]>;
}

/** Servers on this machine that stream from one another, each at an address of its own. */
export interface ReplicationGroup {
  members: Member[];
  binDir: string;
  /** Role that standbys log in with, and the password file that holds it. */
  replicationUser: string;
  passfile: string;
  /** The group as one registered server, named `host-1`; queries go to whichever member is the primary. */
  target: TargetForTests;
  stop(): Promise<void>;
}

const REPLICATOR = 'replicator';
const SETTINGS = {
  shared_buffers: '32MB',
  fsync: 'off',
  wal_level: 'replica',
  max_wal_senders: '10',
  hot_standby: 'on',
};

/** Starts a primary at 127.0.0.1 and its standbys at the addresses after it; resolves once all of them stream. */
export async function startReplicationGroup(size: number): Promise<ReplicationGroup> {
  const home = await mkdtemp(join(tmpdir(), 'pgsteward-group-'));
  // The servers run as another user where the tests run as root.
  await chmod(home, 0o755);
  const addresses = Array.from({ length: size }, (_, index) => `127.0.0.${index + 1}`);
  const authority = await ensureCertificateAuthority(join(home, 'ca'));
  const tls = await ensureServerCertificate({ ca: authority, dir: join(home, 'tls'), names: ['localhost'], addresses });
  const passfile = join(home, 'replication.pass');
  const caFile = join(home, 'ca.pem');
  await writeFile(caFile, authority.certificatePem, { mode: 0o644 });
  const binDir = dirname((await bundledPostgres()).pg_ctl);
  const ports = await Promise.all(addresses.map(() => freePort()));
  const servers = addresses.map((address, index) =>
    createLocalPostgres({
      name: `member-${index + 1}`,
      dataDir: join(home, `member-${index + 1}`),
      logFile: join(home, `member-${index + 1}.log`),
      passwordFile: join(home, 'superuser.pass'),
      address,
      port: ports[index] ?? 0,
      portVariable: 'none',
      tls,
      replication: true,
      settings: SETTINGS,
    }),
  );
  const [first] = servers;
  if (first === undefined) throw new Error('a group has a member');
  const { password, user } = await first.start();

  const member = (index: number): Member => {
    const server = servers[index];
    const [address = '', port = 0] = [addresses[index], ports[index]];
    const dataDir = join(home, `member-${index + 1}`);
    if (server === undefined) throw new Error('no such member');
    const self: Member = {
      address,
      port,
      dataDir,
      start: async () => void (await server.start()),
      stop: () => server.stop(),
      kill: () => signalAll(dataDir, 'SIGKILL'),
      freeze: () => signalAll(dataDir, 'SIGSTOP'),
      thaw: () => signalAll(dataDir, 'SIGCONT'),
      promote: async () => void (await self.query('SELECT pg_promote()')),
      async follow(other) {
        const { uid, gid } = await stat(dataDir);
        await writePrivateFile(join(dataDir, 'standby.signal'), '', { uid, gid });
        const conninfo = `host=${other.address} port=${other.port} user=${REPLICATOR} passfile=${passfile} sslmode=verify-full sslrootcert=${caFile}`;
        await appendFile(join(dataDir, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
      },
      async query(sql, database = 'postgres') {
        const ssl = { ca: authority.certificatePem };
        const client = new pg.Client({ host: address, port, user, password, database, ssl, query_timeout: 20_000 });
        client.on('error', () => undefined);
        await client.connect();
        try {
          const result = await client.query(sql);
          return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [];
        } finally {
          await client.end();
        }
      },
    };
    return self;
  };
  const members = addresses.map((_, index) => member(index));
  const [primary, ...standbys] = members;
  if (primary === undefined) throw new Error('a group has a member');
  const secret = randomBytes(12).toString('hex');
  const owner = await stat(primary.dataDir);
  await writePrivateFile(passfile, `*:*:*:${REPLICATOR}:${secret}\n`, { uid: owner.uid, gid: owner.gid });
  await primary.query(`CREATE ROLE ${REPLICATOR} LOGIN REPLICATION PASSWORD '${secret}'`);
  await primary.stop();
  for (const standby of standbys) {
    // With owner and modes: what pg_basebackup does, which the packages do not have.
    await promisify(execFile)('cp', ['-a', primary.dataDir, standby.dataDir]);
    await standby.follow(primary);
  }
  await Promise.all(members.map((each) => each.start()));
  for (const standby of standbys) await untilReceiving(standby);

  async function current(): Promise<Member> {
    return until(async () => {
      for (const each of members) {
        const rows = await each
          .query<{ writable: boolean }>('SELECT NOT pg_is_in_recovery() AS writable')
          .catch(() => []);
        if (rows[0]?.writable === true) return each;
      }
      return undefined;
    });
  }
  const stopAll = async () => {
    await Promise.all(members.map((each) => each.thaw()));
    await Promise.all(members.map((each) => each.stop()));
    await rm(home, { recursive: true, force: true });
  };
  const target: TargetForTests = {
    logFile: join(home, 'member-1.log'),
    address: {
      name: 'host-1',
      // The primary stands in the middle: whoever takes the first one is wrong.
      endpoints: [...standbys, primary].map(({ address, port }) => ({ address, port })),
      maintenanceDb: 'postgres',
      tls: { mode: 'verify-full', caCertificate: authority.certificatePem },
      adminUser: user,
      adminPassword: password,
    },
    query: async (sql, login = {}) => (await current()).query(sql, login.database),
    async inventory() {
      const primaryNow = await current();
      const names = (sql: string) =>
        primaryNow.query<{ name: string }>(sql).then((rows) => rows.map(({ name }) => name));
      const roles = await names(`SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1`);
      return { roles, databases: await names('SELECT datname AS name FROM pg_database ORDER BY 1') };
    },
    stopServer: async () => (await current()).stop(),
    startServer: async () => void (await Promise.all(members.map((each) => each.start()))),
    stop: stopAll,
  };
  return { members, binDir, replicationUser: REPLICATOR, passfile, target, stop: stopAll };
}

/** Resolves once a standby receives from its primary. */
async function untilReceiving(standby: Member): Promise<void> {
  await until(async () => {
    const rows = await standby.query(`SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'`).catch(() => []);
    return rows.length > 0 ? true : undefined;
  });
}

/** The postmaster first, so that it does not start anew what is ended; backends lead groups of their own. */
async function signalAll(dataDir: string, signal: NodeJS.Signals): Promise<void> {
  const file = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const postmaster = Number(file.split('\n')[0]);
  if (!(postmaster > 0)) return;
  for (const pid of [postmaster, ...(await childrenOf(postmaster))]) {
    try {
      process.kill(pid, signal);
    } catch {
      // Ended meanwhile.
    }
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return new RegExp(`^PPid:\\t${parent}$`, 'm').test(status) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}
