/**
 * Leases on every version, by an admin role that is no superuser: what a lease did on its server is taken apart and proven gone, and
 * nobody else loses anything.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/follow.ts';
import { notOnThisVersion, startServerOf, testMajors, type VersionedServer } from '../support/versions.ts';
import { GROUP, type Lease, type LeasesStack, startLeases } from './support/leases.ts';

let leases: LeasesStack;
beforeAll(async () => {
  leases = await startLeases({ env: { PGSTEWARD_LEASE_ATTEMPTS: '3' } });
});
afterAll(() => leases?.stop());

const nameOf = (major: number) => `of-${major}`;

describe.each(testMajors())('on PostgreSQL %i', (major) => {
  let server: VersionedServer;
  const issue = (wish: Record<string, unknown> = {}) => leases.issue({ server: nameOf(major), ...wish });
  const login = ({ username, password }: Lease, database = 'shop') =>
    server.connect({ user: username, password, database });

  beforeAll(async () => {
    server = await startServerOf(major);
    await leases.register(nameOf(major), server, 'limited');
    await server.query('CREATE DATABASE shop', { as: 'limited' });
    await server.query(
      `CREATE SCHEMA work; GRANT ALL ON SCHEMA work TO ${GROUP};
       CREATE TABLE work.of_others (id int); ALTER TABLE work.of_others OWNER TO ${GROUP}`,
      { database: 'shop' },
    );
  });
  afterAll(() => server?.stop());

  test('a session that has taken on another role is ended with its lease, and the receipt says so', async () => {
    const lease = await issue({ ttl: 600 });
    const session = await login(lease);
    const over = new Promise((resolve) => session.on('error', resolve));
    await session.query(`SET ROLE ${GROUP}; CREATE TABLE work.by_group_${major} (id int)`);
    const { body } = await leases.post(lease.id, 'revoke');
    await over;
    expect(body, body.last_error).toMatchObject({
      state: 'ended',
      receipt: { absent: true, sessions: { ended: 1, open: 0 }, login: { refused: true } },
    });
    // What it made as the group is the group's, and what the group had it still has.
    const tables = await server.query<{ name: string; owner: string }>(
      `SELECT relname AS name, relowner::regrole::text AS owner FROM pg_class
       WHERE relnamespace = 'work'::regnamespace ORDER BY 1`,
      { database: 'shop' },
    );
    expect(tables).toEqual([
      { name: `by_group_${major}`, owner: GROUP },
      { name: 'of_others', owner: GROUP },
    ]);
  });

  test('what a login made itself goes to a role without privileges, or to the owner that the template names', async () => {
    await server.query('CREATE ROLE keeper', { as: 'limited' });
    const { body: template } = await leases.stack.call('POST', '/v1/lease-templates', {
      name: `keeps-${major}`,
      server: nameOf(major),
      roles: [GROUP],
      owner_role: 'keeper',
      default_ttl: 600,
      max_ttl: 600,
    });
    const plain = await issue();
    const kept = await leases.issue({ template: template.name });
    for (const lease of [plain, kept]) {
      const session = await login(lease);
      await session.query(
        `CREATE TABLE work.own_${lease.username} (id int); GRANT SELECT ON work.own_${lease.username} TO ${GROUP}`,
      );
      await session.end();
    }
    for (const lease of [plain, kept]) {
      const asked = await leases.post(lease.id, 'revoke');
      const ended = asked.body.state === 'ended' ? asked.body : await leases.reaches(lease.id, 'ended', 'failed');
      expect(ended.state, ended.last_error).toBe('ended');
      expect(ended.receipt).toMatchObject({ absent: true, drop_task: expect.any(String) });
    }
    const owners = await server.query<{ name: string; owner: string; attributes: boolean }>(
      `SELECT c.relname AS name, r.rolname AS owner, r.rolcanlogin OR r.rolsuper OR r.rolcreaterole AS attributes
       FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.relname IN ('own_${plain.username}', 'own_${kept.username}')
       ORDER BY c.relname = 'own_${kept.username}'`,
      { database: 'shop' },
    );
    expect(owners.map(({ owner, attributes }) => [owner, attributes])).toEqual([
      [expect.stringMatching(/^pgst_heir_/), false],
      ['keeper', false],
    ]);
    // What it had given of its own stays given.
    const [may] = await server.query<{ may: boolean }>(
      `SELECT has_table_privilege('${GROUP}', 'work.own_${plain.username}', 'SELECT') AS may`,
      { database: 'shop' },
    );
    expect(may?.may).toBe(true);
  });

  test('renewals are told to the server, and what somebody dropped by hand is gone all the same', async () => {
    const lease = await issue({ ttl: 60, max_ttl: 900 });
    const renewed = await leases.post(lease.id, 'renew', { ttl: 900 });
    expect(renewed.status, renewed.body.message).toBe(200);
    const [role] = await server.query<{ left: string }>(
      `SELECT extract(epoch FROM rolvaliduntil - now())::int AS left FROM pg_roles WHERE rolname = '${lease.username}'`,
    );
    expect(Number(role?.left)).toBeGreaterThan(800);
    await server.query(`DROP ROLE ${lease.username}`);
    const { body } = await leases.post(lease.id, 'revoke');
    expect(body).toMatchObject({ state: 'ended', receipt: { already_gone: true, absent: true } });
  });

  const onTwo = major === 13 || major === 18 ? test : notOnThisVersion;
  onTwo('a lock that somebody holds on one login stalls its end alone, and neither others nor new leases', async () => {
    const [held, other] = [await issue(), await issue()];
    const psql = await server.connect();
    await psql.query(
      `BEGIN; ALTER ROLE ${held.username} SET work_mem = '8MB'; COMMENT ON ROLE ${held.username} IS NULL`,
    );
    await psql.query(`ALTER ROLE ${held.username} CONNECTION LIMIT 5`);
    const [stuck, free] = await Promise.all([
      leases.stack.call('POST', `/v1/leases/${held.id}/revoke`),
      leases.post(other.id, 'revoke'),
    ]);
    expect(free.body.state).toBe('ended');
    expect(stuck.status).toBeLessThan(300);
    const given = await Promise.all(Array.from({ length: 10 }, () => issue()));
    expect(given.every(({ state }) => state === 'active')).toBe(true);
    // After as many attempts as are allowed somebody is told.
    const failed = await leases.reaches(held.id, 'failed');
    expect(failed.last_error).toMatch(/lock timeout|55P03/);
    const dead = await leases.stack.call('GET', `/v1/leases?state=failed&server=${nameOf(major)}`);
    expect(dead.body.leases.map(({ id }: Lease) => id)).toEqual([held.id]);
    const events = await leases.stack.control.db.query(
      `SELECT outcome, detail ->> 'reason' AS reason FROM audit_log WHERE resource = $1 AND kind = 'outcome' AND action = 'lease.revoke'`,
      [`lease/${held.id}`],
    );
    expect(events.rows).toEqual([{ outcome: 'failed', reason: 'Contention' }]);
    await psql.query('ROLLBACK');
    await psql.end();
    const retried = await leases.post(held.id, 'retry');
    const ended = retried.body.state === 'ended' ? retried.body : await leases.reaches(held.id, 'ended');
    expect(ended.receipt).toMatchObject({ absent: true });
    for (const { id } of given) expect((await leases.post(id, 'revoke')).body.state).toBe('ended');
  });

  test('nobody else was harmed, and no role of a lease is left', async () => {
    const left = await until(async () => {
      const rows = await server.query<{ name: string }>(
        `SELECT rolname AS name FROM pg_roles WHERE rolname !~ '^(pg_|pgst_)' ORDER BY 1`,
      );
      return rows.some(({ name }) => name.startsWith('lease_')) ? undefined : rows;
    });
    expect(left.map(({ name }) => name)).toEqual(['keeper', 'limited_admin', 'postgres', GROUP]);
    const findings = await leases.stack.call('GET', `/v1/servers/${nameOf(major)}/lease-findings`);
    expect(findings.body).toEqual({ orphans: [], ghosts: [] });
  });
});
