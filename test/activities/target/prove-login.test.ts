import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type LoginProof, proveLogin } from '../../../platform/target/prove-login.ts';
import { createTargetServer, type TargetServer } from '../../../platform/target/target-server.ts';
import { freePort } from '../../support/ports.ts';
import { startServerOf, type VersionedServer } from '../../support/versions.ts';

const PASSWORD = 'canary-of-the-login';

describe.each([13, 18] as const)('on PostgreSQL %i', (major) => {
  let postgres: VersionedServer;
  let server: TargetServer;

  beforeAll(async () => {
    postgres = await startServerOf(major);
    await postgres.query(
      `SET password_encryption = 'scram-sha-256';
       CREATE ROLE fine LOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE sleeping NOLOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE expired LOGIN PASSWORD '${PASSWORD}' VALID UNTIL '2001-01-01';
       CREATE ROLE crowded LOGIN PASSWORD '${PASSWORD}' CONNECTION LIMIT 0;
       CREATE ROLE by_hash LOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE banned LOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE trusted LOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE trusted_sleeping NOLOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE spelled LOGIN PASSWORD '${PASSWORD}';
       SET password_encryption = 'md5';
       ALTER ROLE by_hash PASSWORD '${PASSWORD}'`,
    );
    await postgres.query('CREATE DATABASE private');
    await postgres.query('REVOKE CONNECT ON DATABASE private FROM PUBLIC');
    await postgres.query('CREATE DATABASE closed ALLOW_CONNECTIONS false');
    await prependHostAccess(
      'hostssl all banned all reject\nhostssl all trusted,trusted_sleeping all trust\n' +
        'hostssl all spelled all password\nhostssl all by_hash all md5\n',
    );
    server = createTargetServer(postgres.limited);
  });
  afterAll(async () => {
    await server.close();
    const log = await postgres.log();
    await postgres.stop();
    // The statements above name it, with `log_statement = all`; a login never does.
    const loose = log.split('\n').filter((line) => line.includes(PASSWORD) && !/PASSWORD '/.test(line));
    expect(loose).toEqual([]);
  });

  async function prependHostAccess(lines: string): Promise<void> {
    const [{ directory = '' } = {}] = await postgres.query<{ directory: string }>(
      `SELECT current_setting('data_directory') AS directory`,
    );
    const loadedAt = async () =>
      (await postgres.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at'))[0]?.at;
    const before = await loadedAt();
    const file = join(directory, 'pg_hba.conf');
    await writeFile(file, lines + (await readFile(file, 'utf8')));
    await postgres.query('SELECT pg_reload_conf()');
    // The server reads both files before it takes the next connection.
    await vi.waitUntil(async () => (await loadedAt()) !== before, { timeout: 20_000 });
  }

  const prove = (role: string, change: { password?: string; database?: string } = {}): Promise<LoginProof> =>
    proveLogin(server, { role, password: PASSWORD, ...change });

  test('a login with the right password is proven', async () => {
    expect(await prove('fine')).toEqual({ proven: true });
    expect(await prove('fine', { database: 'template1' })).toEqual({ proven: true });
  });

  test.each([
    ['a wrong password', 'fine', { password: 'wrong' }],
    ['an expired password', 'expired', {}],
    ['a role that does not exist', 'nobody', {}],
  ])('%s is refused', async (_what, role, change) => {
    expect(await prove(role, change)).toMatchObject({ proven: false, reason: 'refused' });
  });

  test.each([
    ['a role at its connection limit', 'crowded', 'postgres', /too many connections for role/],
    ['a database without CONNECT', 'fine', 'private', /permission denied for database/],
    ['a database that takes no connections', 'fine', 'closed', /not currently accepting connections/],
    ['a database that does not exist', 'fine', 'nowhere', /does not exist/],
  ])('%s is met after the password was accepted: it is proven', async (_what, role, database, remark) => {
    expect(await prove(role, { database })).toEqual({ proven: true, remark: expect.stringMatching(remark) });
    const wrong = await prove(role, { database, password: 'wrong' });
    expect(wrong).toMatchObject({ proven: false, reason: 'refused' });
  });

  test.each([
    ['a role without LOGIN', 'sleeping', 'not_permitted', /not permitted to log in/],
    ['a role without LOGIN that needs no password', 'trusted_sleeping', 'not_permitted', /not permitted to log in/],
    ['a role that pg_hba.conf does not let in from here', 'banned', 'no_hba_entry', /pg_hba.conf rejects/],
    ['a role that is let in without a password', 'trusted', 'not_scram', /without authentication/],
    ['a role that is asked for an MD5 hash', 'by_hash', 'not_scram', /MD5/],
    ['a role that is asked for the password itself', 'spelled', 'not_scram', /in the clear/],
  ])('%s is not proven, and the reason is given', async (_what, role, reason, message) => {
    expect(await prove(role)).toEqual({ proven: false, reason, message: expect.stringMatching(message) });
  });

  test('a server that does not answer proves nothing', async () => {
    const nowhere = createTargetServer({
      ...postgres.address,
      endpoints: [{ address: '127.0.0.1', port: await freePort() }],
    });
    const proof = await proveLogin(nowhere, { role: 'fine', password: PASSWORD });
    expect(proof).toMatchObject({ proven: false, reason: 'unreachable' });
  });

  test('no proof repeats the password', async () => {
    const proofs = await Promise.all(['fine', 'by_hash', 'banned', 'spelled'].map((role) => prove(role)));
    expect(JSON.stringify(proofs)).not.toContain(PASSWORD);
  });
});
