/** What is out of order: servers that are down, logins that nobody knows, leases that cannot be ended, and who is told. */
import { randomInt, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventNames } from '../../domain/notifications/events.ts';
import { SESSION_LOCK_SQL } from '../../domain/sql/locks.ts';
import { until } from '../support/follow.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { type Answer, GROUP, type Lease, type LeasesStack, startLeases } from './support/leases.ts';

/** Requests for leases that may wait at a time. */
const SEATS = 5;

let leases: LeasesStack;
let server: VersionedServer;
beforeAll(async () => {
  leases = await startLeases({ env: { PGSTEWARD_LEASE_ATTEMPTS: '2', PGSTEWARD_LEASES_WAITING: String(SEATS) } });
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

  /** Looks for drift, as its schedule does, and gives the open findings about leases. */
  async function looked(): Promise<{ kind: string; role: string }[]> {
    const { call } = leases.stack;
    const { body } = await call('POST', '/v1/servers/host-1/drift/check', {});
    await until(async () => {
      const { body: task } = await call('GET', `/v1/servers/host-1/tasks/${body.task.task_id}`);
      if (task.status === 'failed') throw new Error(`the look failed: ${task.error}`);
      return task.status === 'completed' ? true : undefined;
    }, 90_000);
    const { body: drift } = await call('GET', '/v1/servers/host-1/drift');
    return drift.findings.filter(({ kind }: { kind: string }) => kind.startsWith('lease_'));
  }

  test('are found by the looks of the drift guard, and gone from its findings with the reason for them', async () => {
    const [ghost, lost, fine] = [await leases.issue(), await leases.issue(), await leases.issue()];
    expect(await looked()).toEqual([]);
    await leases.stack.control.db.query('DELETE FROM leases WHERE id = $1', [lost.id]);
    await sql(`DROP ROLE ${ghost.username}`);
    const found = await looked();
    expect(found.map(({ kind, role }) => [kind, role]).toSorted()).toEqual([
      ['lease_ghost', ghost.username],
      ['lease_orphan', lost.username],
    ]);
    const { rows: told } = await leases.stack.control.db.query<{ detail: { findings: { role: string }[] } }>(
      `SELECT detail FROM audit_log WHERE action = 'drift.find' AND resource = 'server/host-1'`,
    );
    const roles = told.flatMap(({ detail }) => detail.findings.map(({ role }) => role));
    expect(roles).toEqual(expect.arrayContaining([ghost.username, lost.username]));
    expect(roles).not.toContain(fine.username);
    // Nobody has touched what metadata does not know.
    await leases.stack.target.query('SELECT 1', { user: lost.username, password: lost.password });
    await sql(`DROP ROLE ${lost.username}`);
    await leases.post(ghost.id, 'revoke');
    await leases.post(fine.id, 'revoke');
    await Promise.all([ghost, fine].map(({ id }) => leases.reaches(id, 'ended')));
    expect(await looked()).toEqual([]);
  });

  test('a login that is back although its lease is over, as after a restored backup, is ended again with proof', async () => {
    const { db } = leases.stack.control;
    const back = await leases.issue();
    const before = await db.query<{ live: number }>(
      `SELECT live FROM lease_counts WHERE kind = 'server' AND name = 'host-1'`,
    );
    // On record as over, as by a metadata database that is newer than the server's backup.
    await db.query(
      `UPDATE leases SET state = 'ended', end_reason = 'expired', due_at = NULL, ended_at = now() WHERE id = $1`,
      [back.id],
    );
    await db.query('UPDATE lease_counts SET live = live - 1');
    expect(await looked()).toMatchObject([{ kind: 'lease_orphan', role: back.username }]);
    const ended = await until(async () => {
      const lease = await leases.get(back.id);
      return lease.state === 'ended' && lease.receipt !== undefined ? lease : undefined;
    }, 90_000);
    expect(ended.receipt).toMatchObject({ role: back.username, absent: true, login: { refused: true } });
    expect(ended.receipt).not.toMatchObject({ already_gone: true });
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = '${back.username}'`)).toEqual([]);
    const after = await db.query(`SELECT live FROM lease_counts WHERE kind = 'server' AND name = 'host-1'`);
    expect(after.rows).toEqual([{ live: (before.rows[0]?.live ?? 0) - 1 }]);
    expect(await looked()).toEqual([]);
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

describe('more requests at once than may wait', () => {
  const CALLERS = 12;

  test('are told to come back later, and of all that were asked for none is lost and none half made', async () => {
    const { endpoints, adminUser: user, adminPassword: password, tls } = leases.stack.target.address;
    const [endpoint] = endpoints;
    const place = { host: endpoint?.address, port: endpoint?.port, database: 'postgres' };
    const holder = new pg.Client({ ...place, user, password, ssl: { ca: tls.caCertificate } });
    await holder.connect();
    // Nobody gets the group meanwhile: whoever has a seat keeps it.
    await holder.query(SESSION_LOCK_SQL, [`role:${GROUP}`]);
    const refused: Answer[] = [];
    const waiting = Array.from({ length: CALLERS }, () =>
      leases.ask().then((answer) => {
        if (answer.status === 429) refused.push(answer);
        return answer;
      }),
    );
    await until(async () => (refused.length >= CALLERS - SEATS ? true : undefined), 60_000);
    await holder.end();
    const answers = await Promise.all(waiting);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(SEATS);
    expect(refused).toHaveLength(CALLERS - SEATS);
    for (const { body, headers } of refused) {
      expect(body).toMatchObject({ name: 'too_many_requests', message: expect.stringContaining(`${SEATS} requests`) });
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
    }
    const later = await Promise.all(
      refused.map(() =>
        until(async () => {
          const answer = await leases.ask();
          return answer.status === 429 ? undefined : answer;
        }, 60_000),
      ),
    );
    const given = [...answers.filter(({ status }) => status === 201), ...later];
    expect(given.map(({ status }) => status)).toEqual(given.map(() => 201));
    for (const { body } of given) {
      await leases.stack.target.query('SELECT 1', { user: body.username, password: body.password });
    }
    // Nothing of those that were refused is on record or on the server.
    const names = given.map(({ body }) => body.username).toSorted();
    const { rows } = await leases.stack.control.db.query<{ name: string }>(
      `SELECT role_name AS name FROM leases WHERE server_name = 'host-1' AND state <> 'ended'`,
    );
    expect(rows.map(({ name }) => name).toSorted()).toEqual(names);
    const members = await sql(`SELECT m.rolname AS name FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
      JOIN pg_roles g ON g.oid = a.roleid WHERE g.rolname = '${GROUP}' AND m.rolcanlogin`);
    expect(members.map(({ name }) => name).toSorted()).toEqual(names);
    await Promise.all(given.map(({ body }) => leases.post(body.id, 'revoke')));
    await Promise.all(given.map(({ body }) => leases.reaches(body.id, 'ended')));
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
    // On a slow machine what was asked for in vain has used up its attempts while the server was down, too.
    for (const { id, state } of body.leases as Lease[]) if (state === 'failed') await leases.post(id, 'retry');
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
    // Another attempt of this test meets leases of its own only.
    const name = `late${randomInt(1_000_000)}`;
    const wish = { ttl: 2, max_ttl: 60, name };
    const first = leases.ask(wish, headers);
    await until(async () => {
      const { rowCount } = await stack.control.db.query(
        `SELECT FROM leases WHERE starts_with(role_name, $1) AND ends_at < now()`,
        [`lease_${name}_`],
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
      `SELECT state FROM leases WHERE starts_with(role_name, $1) ORDER BY id`,
      [`lease_${name}_`],
    );
    const states = rows.map(({ state }) => state);
    expect(states.at(-1)).toMatch(/^(active|ending|ended)$/);
    // On a slow machine it may have been late more than once. Whether its batch or the end of its time is seen first is open.
    expect(states.length).toBeGreaterThan(1);
    for (const state of states.slice(0, -1)) expect(state).toMatch(/^(refused|ending|ended)$/);
  });
});
