/** What is out of order: servers that are down, logins that nobody knows, leases that cannot be ended, and who is told. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventNames } from '../../domain/notifications/events.ts';
import { until } from '../support/follow.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { GROUP, type Lease, type LeasesStack, startLeases } from './support/leases.ts';

let leases: LeasesStack;
let server: VersionedServer;
beforeAll(async () => {
  leases = await startLeases({ env: { PGSTEWARD_LEASE_ATTEMPTS: '2' } });
  server = await startServerOf(18);
  // An admin role that may not end the sessions of others.
  await server.query('REVOKE pg_signal_backend FROM limited_admin');
  await leases.register('limited', server, 'limited');
});
afterAll(async () => {
  await leases?.stop();
  await server?.stop();
});

const sql = (text: string) => leases.stack.target.query(text);
const findings = async (name: string) => (await leases.stack.call('GET', `/v1/servers/${name}/lease-findings`)).body;

describe('what metadata and server do not agree on', () => {
  test('orphans are reported and left alone, ghosts are reported and closed when they end', async () => {
    const ghost = await leases.issue();
    const lost = await leases.issue();
    await sql(`DROP ROLE ${ghost.username}`);
    // As after restoring a backup that is older than the lease.
    await leases.stack.control.db.query('DELETE FROM leases WHERE id = $1', [lost.id]);
    const seen = await findings('host-1');
    expect(seen.orphans).toEqual([{ username: lost.username, oid: expect.any(Number), lease_id: lost.id }]);
    expect(seen.ghosts.map(({ lease_id }: { lease_id: string }) => lease_id)).toEqual([ghost.id]);
    await leases.expire([ghost]);
    const closed = await leases.reaches(ghost.id, 'ended');
    expect(closed.receipt).toMatchObject({ already_gone: true, absent: true });
    await leases.stack.target.query('SELECT 1', { user: lost.username, password: lost.password });
    expect((await findings('host-1')).ghosts).toEqual([]);
    await sql(`DROP ROLE ${lost.username}`);
  });

  test('a stranger who has the name of a login that is gone is not touched', async () => {
    const lease = await leases.issue();
    await sql(`DROP ROLE ${lease.username}; CREATE ROLE ${lease.username} LOGIN`);
    const { body } = await leases.post(lease.id, 'revoke');
    expect(body).toMatchObject({ state: 'ended', receipt: { already_gone: true } });
    const [role] = await sql(`SELECT rolcanlogin AS login FROM pg_roles WHERE rolname = '${lease.username}'`);
    expect(role).toEqual({ login: true });
    await sql(`DROP ROLE ${lease.username}`);
  });
});

describe('a lease that cannot be ended', () => {
  let lease: Lease;

  beforeAll(async () => {
    lease = await leases.issue({ server: 'limited' });
    const session = await server.connect({ user: lease.username, password: lease.password });
    session.on('error', () => undefined);
    await leases.post(lease.id, 'revoke');
  });

  test('has let nobody in since, says what is missing, and is an event', async () => {
    const failed = await leases.reaches(lease.id, 'failed');
    expect(failed.last_error).toContain('GRANT pg_signal_backend TO "limited_admin"');
    expect(failed).not.toHaveProperty('next_attempt_at');
    await expect(server.query('SELECT 1', { user: lease.username, password: lease.password })).rejects.toThrow();
    const { rows } = await leases.stack.control.db.query(
      `SELECT action, outcome, task_id AS "taskId" FROM audit_log WHERE resource = $1 AND outcome = 'failed'`,
      [`lease/${lease.id}`],
    );
    expect(rows).toHaveLength(1);
    expect(eventNames(rows[0])).toContain('lease.revoke_failed');
  });

  test('harms no other one, and counts until it is gone', async () => {
    const other = await leases.issue({ server: 'limited' });
    expect((await leases.post(other.id, 'revoke')).body.state).toBe('ended');
    const { rows } = await leases.stack.control.db.query(
      `SELECT live FROM lease_counts WHERE kind = 'server' AND name = 'limited'`,
    );
    expect(rows).toEqual([{ live: 1 }]);
  });

  test('is ended by a retry once the right is there', async () => {
    await server.query('GRANT pg_signal_backend TO limited_admin');
    const retried = await leases.post(lease.id, 'retry');
    const ended = retried.body.state === 'ended' ? retried.body : await leases.reaches(lease.id, 'ended', 'failed');
    expect(ended, ended.last_error).toMatchObject({ state: 'ended', receipt: { sessions: { ended: 1, open: 0 } } });
    expect((await leases.post(lease.id, 'retry')).status).toBe(409);
  });

  test('or counts as ended on an administrator’s word, without a receipt', async () => {
    const stuck = await leases.issue({ server: 'limited' });
    await leases.stack.control.db.query(`UPDATE leases SET state = 'failed', due_at = NULL WHERE id = $1`, [stuck.id]);
    const { status, body } = await leases.post(stuck.id, 'resolve', { reason: 'dropped by hand' });
    expect([status, body.state]).toEqual([200, 'ended']);
    expect(body).not.toHaveProperty('receipt');
    // It is there all the same, and shows as what nobody knows.
    expect((await findings('limited')).orphans.map(({ username }: Lease) => username)).toEqual([stuck.username]);
    expect((await leases.post(stuck.id, 'resolve', { reason: 'again' })).status).toBe(409);
  });
});

test('a group that the admin role may not give to others is refused with the statement that gives it the right', async () => {
  await server.query('CREATE ROLE of_a_superuser');
  const { status, body } = await leases.ask({ server: 'limited', roles: ['of_a_superuser'] });
  expect([status, body.message]).toEqual([
    403,
    expect.stringContaining('GRANT "of_a_superuser" TO "limited_admin" WITH ADMIN OPTION'),
  ]);
  // Nothing is left of it, and others are given.
  expect((await leases.issue({ server: 'limited' })).state).toBe('active');
});

test('a server that is down stalls no lease of another server, and its leases end when it is back', async () => {
  const waiting = await leases.issue();
  await leases.stack.target.stopServer();
  await leases.expire([waiting]);
  const away = await leases.ask({ ttl: 600 });
  expect(away.status).toBe(503);
  expect((await leases.issue({ server: 'limited', roles: [GROUP] })).state).toBe('active');
  const failed = await leases.reaches(waiting.id, 'failed');
  expect(failed.last_error).toContain('did not answer');
  expect(failed).toHaveProperty('next_attempt_at');
  await leases.stack.target.startServer();
  await leases.post(waiting.id, 'retry');
  const ended = await leases.reaches(waiting.id, 'ended');
  expect(ended.receipt.absent).toBe(true);
  // What was asked for in vain has not come up since.
  const left = await until(async () => {
    const { body } = await leases.stack.call('GET', '/v1/leases?server=host-1&state=live');
    return body.leases.length === 0 ? true : undefined;
  }, 60_000);
  expect(left).toBe(true);
  expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname ~ '^lease_'`)).toEqual([]);
});

describe('a lease whose time was over before its login could be made', () => {
  test('is refused, and asked for again under the same key it is another one', async () => {
    const { stack } = leases;
    await stack.controlWorker.stop();
    const headers = { 'Idempotency-Key': randomUUID() };
    const wish = { ttl: 2, max_ttl: 60, name: 'late' };
    const first = leases.ask(wish, headers);
    await until(async () => {
      const { rowCount } = await stack.control.db.query(
        `SELECT FROM leases WHERE role_name ~ '^lease_late_' AND ends_at < now()`,
      );
      return rowCount === 1 ? true : undefined;
    });
    await stack.restartControlWorker();
    expect(await first).toMatchObject({ status: 503, body: { name: 'unavailable' } });
    const second = await until(async () => {
      const answer = await leases.ask(wish, headers);
      return answer.status === 503 ? undefined : answer;
    });
    expect(second).toMatchObject({ status: 201, body: { password: expect.any(String) } });
    // What was given is given again, and to the same request only.
    expect((await leases.ask(wish, headers)).body).toMatchObject({ id: second.body.id });
    expect((await leases.ask({ ...wish, ttl: 3 }, headers)).status).toBe(409);
    const { rows } = await stack.control.db.query(
      `SELECT state FROM leases WHERE role_name ~ '^lease_late_' ORDER BY id`,
    );
    const states = rows.map(({ state }) => state);
    expect(states.at(-1)).toMatch(/^(active|ending|ended)$/);
    // On a slow machine it may have been late more than once.
    expect(new Set(states.slice(0, -1))).toEqual(new Set(['refused']));
  });
});
