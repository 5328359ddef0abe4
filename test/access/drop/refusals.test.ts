import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notOnThisVersion, startServerOf, testMajors, type VersionedServer } from '../../support/versions.ts';
import { type DropOptions, type Drops, startDrops } from './support/drops.ts';
import { oidOf, traces, value } from './support/estate.ts';

describe.each(testMajors())('what keeps a role from being dropped, PostgreSQL %i', (major) => {
  let server: VersionedServer;
  let drops: Drops;

  beforeAll(async () => {
    server = await startServerOf(major, { settings: { max_prepared_transactions: '2' } });
    drops = await startDrops(server);
  });
  afterAll(async () => {
    await drops?.stop();
    await server?.stop();
  });

  /** State that a refused drop must leave as it is. */
  const stateOf = (role: string) =>
    server.query(
      `SELECT a.*, (SELECT count(*) FROM pg_shdepend WHERE refobjid = a.oid) AS dependents,
         (SELECT count(*) FROM pg_auth_members WHERE a.oid IN (roleid, member)) AS memberships
       FROM pg_authid a WHERE rolname = '${role}'`,
    );

  async function expectRefusal(role: string, reason: string | RegExp, options?: DropOptions) {
    const before = await stateOf(role);
    await expect(drops.drop(role, options)).rejects.toMatchObject({
      type: 'NotAllowed',
      message: expect.stringMatching(reason),
    });
    expect(await stateOf(role)).toEqual(before);
  }

  it('is asked for: it owns something, or has rights that were given elsewhere', async () => {
    await server.query('CREATE ROLE keeper; CREATE TABLE kept (a int); ALTER TABLE kept OWNER TO keeper');
    await expectRefusal('keeper', /only with consent.*it owns 1 relation in database "postgres"/);
    await server.query('CREATE ROLE given; GRANT SELECT ON kept TO given');
    await expectRefusal('given', /only with consent.*it has rights on 1 relation in database/);
    await drops.drop('keeper', { reassign_owned: true });
    await drops.drop('given', { reassign_owned: true });
  });

  it('is no right that this control plane gave to a role of its own', async () => {
    await server.query('CREATE ROLE ours; CREATE TABLE for_ours (a int); GRANT SELECT ON for_ours TO ours');
    const oid = await oidOf(server, 'ours');
    await record('ours', 'roles', oid);
    await drops.drop('ours');
    expect(await traces(server, oid)).toEqual([]);
    expect(await recorded('ours')).toEqual([]);
  });

  it('is a database that it has something in and that accepts no connections: nothing is changed', async () => {
    await server.query('CREATE ROLE shut_in');
    await server.query('CREATE DATABASE closed');
    await server.query('CREATE TABLE t (a int); ALTER TABLE t OWNER TO shut_in', { database: 'closed' });
    await server.query('CREATE TABLE also (a int); ALTER TABLE also OWNER TO shut_in');
    await server.query('ALTER DATABASE closed WITH ALLOW_CONNECTIONS false');
    await expectRefusal('shut_in', /ALTER DATABASE "closed" WITH ALLOW_CONNECTIONS true/, { reassign_owned: true });
    await server.query('ALTER DATABASE closed WITH ALLOW_CONNECTIONS true');
    const oid = await oidOf(server, 'shut_in');
    await drops.drop('shut_in', { reassign_owned: true });
    expect(await traces(server, oid)).toEqual([]);
  });

  it('is that it is the control plane’s own, or PostgreSQL’s, whatever the admin says', async () => {
    const force = { force: true, reassign_owned: true };
    await expectRefusal('postgres', /control plane's own role/, force);
    await expectRefusal('pg_monitor', /role of PostgreSQL itself/, force);
    await server.query(`CREATE ROLE other_admin SUPERUSER LOGIN PASSWORD 'pw'`);
    await drops.actAs('limited');
    await expectRefusal('postgres', /superuser that the server was made with/, force);
    await expectRefusal('limited_admin', /control plane's own role/, force);
    await drops.actAs('superuser');
  });

  it('is that it is a superuser, has CREATEROLE or belongs to somebody else, unless an admin insists', async () => {
    await server.query('CREATE ROLE boss SUPERUSER; CREATE ROLE maker CREATEROLE; CREATE ROLE tenant');
    await record('tenant', 'database/storefront', await oidOf(server, 'tenant'));
    await expectRefusal('boss', /is a superuser; an admin may say "force": true/);
    await expectRefusal('maker', /has CREATEROLE/);
    await expectRefusal('tenant', /belongs to database\/storefront/);
    for (const role of ['boss', 'maker', 'tenant']) {
      const oid = await oidOf(server, role);
      await drops.drop(role, { force: true });
      expect(await traces(server, oid)).toEqual([]);
    }
    expect(await recorded('tenant')).toEqual([]);
  });

  it('is an heir that could do more with what it gets than the role could', async () => {
    await server.query(
      `CREATE ROLE heirless; CREATE TABLE inheritance (a int); ALTER TABLE inheritance OWNER TO heirless;
       CREATE ROLE mighty BYPASSRLS; CREATE ROLE climber; GRANT postgres TO climber; CREATE ROLE heiress LOGIN`,
    );
    const consent = { reassign_owned: true };
    for (const [heir, reason] of [
      ['postgres', /control plane's own role/],
      ['heirless', /the one that is dropped/],
      ['nobody', /there is no role "nobody"/],
      ['pg_monitor', /role of PostgreSQL itself/],
      ['mighty', /has BYPASSRLS/],
      ['climber', /can become "postgres"/],
    ] as const) {
      await expectRefusal('heirless', reason, { ...consent, heir });
    }
    await drops.drop('heirless', { ...consent, heir: 'heiress' });
    expect(await value(server, `SELECT tableowner FROM pg_tables WHERE tablename = 'inheritance'`)).toBe('heiress');
  });

  it('is somebody else’s role of the name that the heir would have', async () => {
    await server.query('CREATE ROLE testator; CREATE TABLE estate (a int); ALTER TABLE estate OWNER TO testator');
    await server.query(`CREATE ROLE pgst_heir_${await oidOf(server, 'testator')}`);
    await expectRefusal('testator', /was not made to inherit from this role/, { reassign_owned: true });
  });

  it('is what no heir can own', async () => {
    await server.query(
      `CREATE ROLE trigger_owner SUPERUSER;
       CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
       CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION on_ddl();
       ALTER EVENT TRIGGER watch OWNER TO trigger_owner`,
    );
    const force = { force: true, reassign_owned: true };
    await expectRefusal('trigger_owner', /owns event triggers/, force);
    await server.query('DROP EVENT TRIGGER watch');
    await server.query(
      `SET ROLE trigger_owner; CREATE SUBSCRIPTION news CONNECTION 'host=localhost' PUBLICATION p
       WITH (connect = false, slot_name = NONE, enabled = false)`,
    );
    await expectRefusal('trigger_owner', /owns subscriptions/, force);
    await server.query('DROP SUBSCRIPTION news');
    const oid = await oidOf(server, 'trigger_owner');
    await drops.drop('trigger_owner', force);
    expect(await traces(server, oid)).toEqual([]);
  });

  it('is a transaction that waits for its second phase: what it made would belong to nobody', async () => {
    await server.query(`CREATE ROLE two_phase LOGIN PASSWORD 'pw'; CREATE SCHEMA phases AUTHORIZATION two_phase`);
    const session = await server.connect({ user: 'two_phase', password: 'pw' });
    await session.query('BEGIN');
    await session.query('CREATE TABLE phases.t (a int)');
    await session.query(`PREPARE TRANSACTION 'first phase'`);
    await session.end();
    await expectRefusal('two_phase', /prepared and not ended \(1\)/, { reassign_owned: true });
    await server.query(`COMMIT PREPARED 'first phase'`);
    const oid = await oidOf(server, 'two_phase');
    await drops.drop('two_phase', { reassign_owned: true });
    expect(await traces(server, oid)).toEqual([]);
    expect(await value(server, `SELECT tableowner FROM pg_tables WHERE schemaname = 'phases'`)).toBe(
      `pgst_heir_${oid}`,
    );
  });

  it('is a right that only a superuser can take back, for an admin role that is none: the statement is said', async () => {
    await server.query('CREATE ROLE granted_by_boss', { as: 'limited' });
    await server.query('CREATE TABLE boss_table (a int); GRANT SELECT ON boss_table TO granted_by_boss');
    await drops.actAs('limited');
    await expectRefusal(
      'granted_by_boss',
      /cannot act for; run there as a superuser: REVOKE SELECT ON TABLE public.boss_table FROM "granted_by_boss" CASCADE/,
      { reassign_owned: true },
    );
    await server.query('REVOKE SELECT ON TABLE public.boss_table FROM "granted_by_boss" CASCADE');
    const oid = await oidOf(server, 'granted_by_boss');
    await drops.drop('granted_by_boss');
    expect(await traces(server, oid)).toEqual([]);
    await drops.actAs('superuser');
  });

  (major >= 16 ? it : notOnThisVersion)(
    'is a role that somebody else made, for an admin role that is no superuser',
    async () => {
      await server.query('CREATE ROLE strangers_own');
      await drops.actAs('limited');
      await expectRefusal('strangers_own', /GRANT "strangers_own" TO "limited_admin" WITH ADMIN OPTION/);
      await server.query('GRANT strangers_own TO limited_admin WITH ADMIN OPTION');
      const oid = await oidOf(server, 'strangers_own');
      await drops.drop('strangers_own');
      expect(await traces(server, oid)).toEqual([]);
      await drops.actAs('superuser');
    },
  );

  async function record(role: string, owner: string, oid: number) {
    const { db } = drops.deps;
    await db.query(`INSERT INTO secrets (id, owner, version, key_id, sealed) VALUES ($1, $2, 1, 'test', '\\x00')`, [
      `secret of ${role}`,
      owner,
    ]);
    await db.query(
      `INSERT INTO credentials (server_name, role_name, owner, origin, secret_id, version, role_oid)
       VALUES ($1, $2, $3, 'engine', $4, 1, $5)`,
      [drops.serverName, role, owner, `secret of ${role}`, oid],
    );
  }

  async function recorded(role: string): Promise<unknown[]> {
    const { rows } = await drops.deps.db.query(
      `SELECT role_name FROM credentials WHERE role_name = $1 UNION ALL SELECT id FROM secrets WHERE id = $2`,
      [role, `secret of ${role}`],
    );
    return rows;
  }
});
