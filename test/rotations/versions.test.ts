import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Major, startServerOf, type VersionedServer } from '../support/versions.ts';
import { define, rotate, rotated, secretOf } from './support/rotations.ts';

/** The first and the last release: memberships have their options since 16. */
const ENDS: Major[] = [13, 18];
let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

describe.each(ENDS)('on PostgreSQL %i, with an admin role that is no superuser,', (major) => {
  let server: VersionedServer;
  const name = `pg${major}`;

  beforeAll(async () => {
    server = await startServerOf(major);
    const { endpoints, tls, adminUser: user, adminPassword: password } = server.limited;
    const registered = await stack.call('POST', '/v1/servers', {
      ...{ name, endpoints, admin: { user, password } },
      tls: { mode: tls.mode, ca_certificate: tls.caCertificate },
    });
    expect(registered.status).toBe(201);
    await server.query('CREATE ROLE app LOGIN; CREATE ROLE solo LOGIN', { as: 'limited' });
    await server.query('CREATE DATABASE shop');
    await server.query('ALTER DATABASE shop OWNER TO app');
    await server.query('GRANT ALL ON SCHEMA public TO app', { database: 'shop' });
  });
  afterAll(() => server?.stop());

  const logsIn = (user: string, password: string) =>
    server.query('SELECT 1', { user, password, database: 'shop' }).then(
      () => true,
      () => false,
    );

  test('two logins take turns over one owner', async () => {
    const definition = { server: name, role: 'app', strategy: 'alternating', databases: ['shop'] };
    const { id } = await define(stack, { ...definition, sessions: { policy: 'end' } });
    const seen: string[] = [];
    for (let run = 1; run <= 3; run += 1) {
      await rotated(stack, id);
      const { login, password } = await secretOf(stack, id);
      const as = { user: login, password, database: 'shop' };
      await server.query(run === 1 ? 'CREATE TABLE items (id int)' : `ALTER TABLE items ADD COLUMN c${run} int`, as);
      seen.push(login);
    }
    expect(seen).toEqual(['app_a', 'app_b', 'app_a']);
    const open = await server.query<{ name: string }>(
      `SELECT rolname AS name FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'app%'`,
    );
    expect(open).toEqual([{ name: 'app_a' }]);
    const owner = await server.query(`SELECT tableowner FROM pg_tables WHERE tablename = 'items'`, {
      database: 'shop',
    });
    expect(owner).toEqual([{ tableowner: 'app' }]);
  });

  test('one password takes the place of another, although nobody may read what was there', async () => {
    const { id } = await define(stack, {
      ...{ server: name, role: 'solo', strategy: 'in-place' },
      sessions: { policy: 'drain', drain: 1 },
    });
    await rotated(stack, id);
    const first = await secretOf(stack, id);
    expect(await logsIn('solo', first.password)).toBe(true);
    await rotated(stack, id);
    const second = await secretOf(stack, id);
    expect([await logsIn('solo', first.password), await logsIn('solo', second.password)]).toEqual([false, true]);
    const log = await until(async () => server.log());
    for (const { password } of [first, second]) expect(log).not.toContain(password);
  });

  test('a login that is refused in a batch has the password on record back, and where none is, the new one stays', async () => {
    await server.query('CREATE ROLE known LOGIN; CREATE ROLE fresh LOGIN', { as: 'limited' });
    const ids = new Map<string, string>();
    for (const role of ['known', 'fresh']) {
      ids.set(role, (await define(stack, { server: name, role, strategy: 'in-place' })).id);
    }
    const [known, fresh] = [ids.get('known') ?? '', ids.get('fresh') ?? ''];
    expect(await rotated(stack, known)).toMatchObject({ type: 'change_role' });
    const expire = (until: string) =>
      server.query(`ALTER ROLE known VALID UNTIL '${until}'; ALTER ROLE fresh VALID UNTIL '${until}'`, {
        as: 'limited',
      });
    await expire('2000-01-01');
    const [ofKnown, ofFresh] = await Promise.all([rotate(stack, known), rotate(stack, fresh)]);
    await expire('infinity');
    expect(ofKnown).toMatchObject({ status: 'failed', error: expect.stringContaining('login of "known"') });
    expect(await secretOf(stack, known)).toMatchObject({ version: 1 });
    expect(await logsIn('known', (await secretOf(stack, known)).password)).toBe(true);
    expect(ofFresh).toMatchObject({ status: 'failed', error: expect.stringContaining('the new one stays') });
    expect(await logsIn('fresh', (await secretOf(stack, fresh)).password)).toBe(true);
  });
});
