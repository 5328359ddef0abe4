import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/follow.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Drops, startDrops } from './support/drops.ts';
import { oidOf, traces, value } from './support/estate.ts';

describe.each(testMajors())('sessions of a dropped role, PostgreSQL %i', (major) => {
  let server: VersionedServer;
  let drops: Drops;

  beforeAll(async () => {
    server = await startServerOf(major);
    drops = await startDrops(server);
    await server.query('CREATE ROLE readers; CREATE TABLE secret (a int); GRANT SELECT ON secret TO readers');
  });
  afterAll(async () => {
    await drops?.stop();
    await server?.stop();
  });

  /** A login that is a member of `readers`. */
  async function member(name: string) {
    await server.query(`CREATE ROLE ${name} LOGIN PASSWORD 'pw'`, { as: 'limited' });
    await server.query(`GRANT readers TO ${name}`);
    return oidOf(server, name);
  }

  async function openSession(user: string) {
    const client = await server.connect({ user, password: 'pw' });
    client.on('error', () => undefined);
    return client;
  }

  it('are ended although they have taken on another role', async () => {
    const oid = await member('wanderer');
    const session = await openSession('wanderer');
    await session.query('SET ROLE readers; SELECT * FROM secret');
    const receipt = await drops.drop('wanderer');
    expect(receipt.sessions).toEqual({ ended: 1, open: 0 });
    await expect(session.query('SELECT * FROM secret')).rejects.toThrow();
    expect(await traces(server, oid)).toEqual([]);
    await session.end().catch(() => undefined);
  });

  it('are found by OID when somebody has dropped the role meanwhile, and the session has no name any more', async () => {
    const oid = await member('nameless');
    const session = await openSession('nameless');
    await session.query('SET ROLE readers');
    const task = await drops.accept('nameless');
    await drops.steps(task, { to: 'lockOutRole' });
    await server.query('DROP ROLE nameless');
    expect(await value(server, `SELECT usename FROM pg_stat_activity WHERE usesysid = ${oid}`)).toBeNull();
    await drops.steps(task, { from: 'endSessionsOfRole' });
    await expect(session.query('SELECT 1')).rejects.toThrow();
    expect((await drops.receipt(task)).sessions).toEqual({ ended: 1, open: 0 });
    await session.end().catch(() => undefined);
  });

  it('cannot begin any more once the role is locked out, under no password', async () => {
    await member('shut');
    const task = await drops.accept('shut');
    await drops.steps(task, { to: 'lockOutRole' });
    await expect(server.connect({ user: 'shut', password: 'pw' })).rejects.toMatchObject({ code: '28P01' });
    expect(
      await server.query(`SELECT rolcanlogin, rolpassword, rolconnlimit FROM pg_authid WHERE rolname = 'shut'`),
    ).toEqual([{ rolcanlogin: false, rolpassword: null, rolconnlimit: 0 }]);
    await drops.steps(task, { from: 'endSessionsOfRole' });
  });

  it('are refused before anything changes where the admin role may not end them, with the statement that lets it', async () => {
    await member('watched');
    const session = await openSession('watched');
    await server.query('REVOKE pg_signal_backend FROM limited_admin');
    await drops.actAs('limited');
    try {
      await expect(drops.drop('watched')).rejects.toMatchObject({
        type: 'NotAllowed',
        message: expect.stringContaining('GRANT pg_signal_backend TO "limited_admin"'),
      });
      expect(await value(server, `SELECT rolcanlogin FROM pg_roles WHERE rolname = 'watched'`)).toBe(true);
      await session.query('SELECT 1');
      // One that began after the look: the step itself says so, too.
      await session.end();
      const task = await drops.accept('watched');
      await drops.step(task, 'previewDrop');
      const late = await openSession('watched');
      await drops.step(task, 'lockOutRole');
      await expect(drops.step(task, 'endSessionsOfRole')).rejects.toMatchObject({
        type: 'NotAllowed',
        message: expect.stringContaining('GRANT pg_signal_backend TO "limited_admin"'),
      });
      await server.query('GRANT pg_signal_backend TO limited_admin');
      await drops.steps(await drops.accept('watched'));
      await expect(late.query('SELECT 1')).rejects.toThrow();
    } finally {
      await server.query('GRANT pg_signal_backend TO limited_admin');
      await drops.actAs('superuser');
    }
  });

  it('of others, who are in the role by SET ROLE, keep nothing of what they made meanwhile', async () => {
    const oid = await member('host');
    await server.query(
      `CREATE ROLE guest LOGIN PASSWORD 'pw'; GRANT host TO guest; CREATE SCHEMA open; GRANT ALL ON SCHEMA open TO PUBLIC`,
    );
    const guest = await openSession('guest');
    await guest.query('SET ROLE host');
    const task = await drops.accept('host', { reassign_owned: true });
    await drops.steps(task, { to: 'reassignOwned' });
    // Leaving a role is the session's own choice: until then it goes on making things in its name.
    await guest.query('CREATE TABLE open.late (a int)');
    await drops.steps(task, { from: 'dropRole' });
    expect(await traces(server, oid)).toEqual([]);
    expect(await value(server, `SELECT tableowner FROM pg_tables WHERE tablename = 'late'`)).toBe(`pgst_heir_${oid}`);
    expect((await drops.receipt(task)).databases.map(({ reassigned }) => reassigned)).toContainEqual({ relations: 1 });
    await guest.end();
  });

  it('of others are left alone', async () => {
    await member('goer');
    await member('stayer');
    const goer = await openSession('goer');
    const stayer = await openSession('stayer');
    await drops.drop('goer');
    await until(
      async () =>
        (await goer.query('SELECT 1').then(
          () => undefined,
          () => true,
        )) ?? undefined,
    );
    await stayer.query('SELECT 1');
    await Promise.all([goer, stayer].map((client) => client.end().catch(() => undefined)));
  });
});
