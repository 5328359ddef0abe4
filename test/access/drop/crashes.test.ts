import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noteRoles } from '../../../store/credentials.ts';
import { until } from '../../support/follow.ts';
import { startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type Drops, dyingBeforeTheEnd, STEPS, startDrops } from './support/drops.ts';
import { createEstate, oidOf, traces, value } from './support/estate.ts';

describe.each(testMajors())('a drop that is interrupted, PostgreSQL %i', (major) => {
  let server: VersionedServer;
  let drops: Drops;

  beforeAll(async () => {
    server = await startServerOf(major);
    drops = await startDrops(server);
  });
  afterAll(async () => {
    await drops?.stop();
    await server?.stop();
  });

  it.each(['superuser', 'limited'] as const)(
    'comes to the same end when the worker dies after every single step (%s admin)',
    async (admin) => {
      const role = `dying_${admin}`;
      await createEstate(server, role);
      await drops.actAs(admin);
      const oid = await oidOf(server, role);
      const task = await drops.accept(role, { reassign_owned: true });
      const deps = dyingBeforeTheEnd(drops.deps);
      for (const step of STEPS) {
        await expect(drops.step(task, step, { deps })).rejects.toThrow('the worker died');
        await drops.step(task, step, { attempt: 2 });
      }
      await drops.actAs('superuser');
      expect(await traces(server, oid)).toEqual([]);
      const receipt = await drops.receipt(task);
      expect(receipt.databases.map(({ database }) => database).toSorted()).toEqual([
        `${role}_east`,
        `${role}_west`,
        'postgres',
      ]);
      expect(receipt.memberships.ended.length).toBeGreaterThan(0);
    },
  );

  it('keeps the databases that are done and does the others when it is repeated', async () => {
    const role = 'half_done';
    await createEstate(server, role);
    const oid = await oidOf(server, role);
    const task = await drops.accept(role, { reassign_owned: true });
    await drops.steps(task, { to: 'revokeFromRole' });
    // A session in the second database keeps the step waiting; then its backend dies under it.
    const blocker = await server.connect({ database: `${role}_west` });
    await blocker.query(`BEGIN; LOCK TABLE "${role} own".orders`);
    const broken = expect(drops.step(task, 'reassignOwned')).rejects.toMatchObject({ retryable: true });
    await until(async () => {
      const ended = await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'pgsteward:${task.taskId}' AND wait_event_type = 'Lock'`,
      );
      return ended.length > 0 ? true : undefined;
    });
    await broken;
    await blocker.end();
    const owned = (database: string) =>
      value<number>(
        server,
        `SELECT count(*)::int FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
         WHERE d.datname = '${database}' AND s.refobjid = ${oid}`,
      );
    expect(await owned(`${role}_east`)).toBe(0);
    expect(await owned(`${role}_west`)).toBeGreaterThan(10);
    await drops.step(task, 'reassignOwned', { attempt: 2 });
    await drops.steps(task, { from: 'dropRole' });
    expect(await traces(server, oid)).toEqual([]);
    expect((await drops.receipt(task)).databases.map(({ database }) => database).toSorted()).toEqual([
      `${role}_east`,
      `${role}_west`,
      'postgres',
    ]);
  });

  it('never touches a role that somebody made under the name meanwhile', async () => {
    await server.query('CREATE ROLE reborn; CREATE TABLE old_thing (a int); ALTER TABLE old_thing OWNER TO reborn');
    const task = await drops.accept('reborn', { reassign_owned: true });
    await drops.steps(task, { to: 'dropRole' });
    await server.query(
      `CREATE ROLE reborn LOGIN PASSWORD 'pw'; CREATE TABLE new_thing (a int); ALTER TABLE new_thing OWNER TO reborn`,
    );
    await noteRoles(drops.deps.db, {
      serverName: drops.serverName,
      roles: [{ roleName: 'reborn', oid: await oidOf(server, 'reborn') }],
    });
    const stranger = await server.connect({ user: 'reborn', password: 'pw' });
    for (const step of STEPS.slice(STEPS.indexOf('lockOutRole'))) await drops.step(task, step, { attempt: 2 });
    await stranger.query('SELECT 1');
    await stranger.end();
    expect(await value(server, `SELECT tableowner FROM pg_tables WHERE tablename = 'new_thing'`)).toBe('reborn');
    expect(await drops.receipt(task)).toMatchObject({ absent: true, name_in_use: true, login: { refused: false } });
    const { rows } = await drops.deps.db.query(`SELECT FROM credentials WHERE role_name = 'reborn'`);
    expect(rows).toHaveLength(1);
  });

  it('goes on under the name that the role has got meanwhile', async () => {
    await server.query('CREATE ROLE before_renaming');
    const oid = await oidOf(server, 'before_renaming');
    const task = await drops.accept('before_renaming');
    await drops.steps(task, { to: 'lockOutRole' });
    await server.query('ALTER ROLE before_renaming RENAME TO after_renaming; CREATE ROLE before_renaming');
    await drops.steps(task, { from: 'endSessionsOfRole' });
    expect(await traces(server, oid)).toEqual([]);
    expect(await oidOf(server, 'before_renaming')).not.toBe(oid);
  });

  it('is success when the role is gone already', async () => {
    const receipt = await drops.drop('never_was');
    expect(receipt).toMatchObject({ already_gone: true, oid: null, absent: true, login: { refused: true } });
  });

  it('leaves the role locked out, says what is left, and the same request goes on', async () => {
    await createEstate(server, 'stuck');
    const oid = await oidOf(server, 'stuck');
    const task = await drops.accept('stuck', { reassign_owned: true });
    await drops.steps(task, { to: 'revokeFromRole' });
    await expect(drops.step(task, 'reportLockedOut')).rejects.toMatchObject({
      type: 'NotAllowed',
      message: expect.stringMatching(
        /locked out and not dropped.*relations.*in database "stuck_east".*same request continues.*CONNECTION LIMIT 7/,
      ),
    });
    // The forward part has ended for good.
    await expect(drops.step(task, 'reassignOwned')).rejects.toMatchObject({ type: 'StaleTask' });
    await drops.drop('stuck', { reassign_owned: true });
    expect(await traces(server, oid)).toEqual([]);
  });

  it('has nothing left to say when it failed before it changed anything', async () => {
    await server.query('CREATE ROLE untouched LOGIN');
    const task = await drops.accept('untouched');
    await drops.step(task, 'previewDrop');
    await drops.step(task, 'reportLockedOut');
    expect(await value(server, `SELECT rolcanlogin FROM pg_roles WHERE rolname = 'untouched'`)).toBe(true);
  });
});
