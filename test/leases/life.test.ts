/** A lease from its beginning to its end: given, renewed, expired, revoked; repetitions, quotas, who may. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson } from '../support/accounts.ts';
import { until } from '../support/follow.ts';
import { GROUP, type Lease, type LeasesStack, startLeases } from './support/leases.ts';

let leases: LeasesStack;
/** A member of nothing, whose account templates name. */
let member: { name: string; headers: Record<string, string> };
beforeAll(async () => {
  leases = await startLeases();
  const person = await makePerson(leases.stack, { role: 'member' });
  member = { name: person.account.name, headers: person.credentials };
});
afterAll(() => leases?.stop());

const sql = <R extends pg.QueryResultRow>(text: string) => leases.stack.target.query<R>(text);
const as = ({ username, password }: Lease, text: string) =>
  leases.stack.target.query(text, { user: username, password });
const audit = async (resource: string) =>
  (
    await leases.stack.control.db.query(
      'SELECT kind, actor, action, outcome, detail FROM audit_log WHERE resource = $1 ORDER BY id',
      [resource],
    )
  ).rows;
const secondsUntil = (time: string) => (Date.parse(time) - Date.now()) / 1_000;

describe('a lease', () => {
  test('is a login with its group roles and nothing else, which the server itself refuses soon after its end', async () => {
    const lease = await leases.issue({ ttl: 600, name: 'report' });
    expect(lease).toMatchObject({
      state: 'active',
      server: 'host-1',
      roles: [GROUP],
      holder: 'admin',
      reason: 'a test',
    });
    expect(lease.username).toMatch(/^lease_report_[0-9a-f]{12}$/);
    expect(secondsUntil(lease.ends_at)).toBeGreaterThan(500);
    await as(lease, 'SELECT 1');
    const [role] = await sql(
      `SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
         extract(epoch FROM rolvaliduntil - now()) AS left,
         ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid) AS member_of
       FROM pg_roles r WHERE rolname = '${lease.username}'`,
    );
    expect(role).toMatchObject({ rolcanlogin: true, rolsuper: false, rolcreaterole: false, member_of: [GROUP] });
    expect(Number(role?.left)).toBeGreaterThan(600);
    expect(Number(role?.left)).toBeLessThan(700);
    const stored = await leases.get(lease.id);
    expect(stored).not.toHaveProperty('password');
    expect(JSON.stringify(await audit(`lease/${lease.id}`))).not.toContain(lease.password);
  });

  test('ends when its time has come, with its sessions, and a receipt says so', async () => {
    const lease = await leases.issue({ ttl: 10 });
    const session = new pg.Client({ ...connection(), user: lease.username, password: lease.password });
    const over = new Promise((resolve) => session.on('error', resolve));
    await session.connect();
    await session.query(`SET ROLE ${GROUP}`);
    const ended = await leases.reaches(lease.id, 'ended');
    await over;
    expect(ended).toMatchObject({
      end_reason: 'expired',
      receipt: { absent: true, already_gone: false, sessions: { ended: 1, open: 0 }, login: { refused: true } },
    });
    expect(ended.receipt.memberships.join()).toContain(GROUP);
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname = '${lease.username}'`)).toEqual([]);
    const { rows } = await leases.stack.control.db.query('SELECT 1 FROM credentials WHERE role_name = $1', [
      lease.username,
    ]);
    expect(rows).toEqual([]);
    expect((await audit(`lease/${lease.id}`)).map(({ kind, action, outcome }) => [kind, action, outcome])).toEqual([
      ['intent', 'lease.create', null],
      ['outcome', 'lease.create', 'completed'],
      ['outcome', 'lease.revoke', 'completed'],
    ]);
  });

  test('is revoked when asked, and whoever asks sees the receipt; asked again it says the same', async () => {
    const lease = await leases.issue();
    const { status, body } = await leases.post(lease.id, 'revoke');
    expect([status, body.state, body.end_reason, body.receipt.absent]).toEqual([200, 'ended', 'revoked', true]);
    expect((await leases.post(lease.id, 'revoke')).body).toEqual(body);
    await expect(as(lease, 'SELECT 1')).rejects.toThrow('password authentication failed');
    const rows = await audit(`lease/${lease.id}`);
    expect(rows.slice(2).map(({ kind, actor, action }) => [kind, actor, action])).toEqual([
      ['intent', 'admin', 'lease.revoke'],
      ['outcome', 'admin', 'lease.revoke'],
    ]);
  });

  test('is renewed up to its longest end and no further, on the server too', async () => {
    const lease = await leases.issue({ ttl: 60, max_ttl: 7_200 });
    const first = await leases.post(lease.id, 'renew', { ttl: 3_600 });
    expect(first.status, JSON.stringify(first.body)).toBe(200);
    expect(secondsUntil(first.body.ends_at)).toBeGreaterThan(3_500);
    const second = await leases.post(lease.id, 'renew', { ttl: 86_400 });
    expect(second.body.ends_at).toBe(lease.max_ends_at);
    const [role] = await sql(
      `SELECT extract(epoch FROM rolvaliduntil) AS until FROM pg_roles WHERE rolname = '${lease.username}'`,
    );
    expect(Math.abs(Number(role?.until) - Date.parse(lease.max_ends_at) / 1_000 - 60)).toBeLessThan(2);
    const third = await leases.post(lease.id, 'renew', {});
    expect([third.status, third.body.name]).toEqual([409, 'lease_not_renewable']);
    await as(lease, 'SELECT 1');
    await leases.post(lease.id, 'revoke');
    const late = await leases.post(lease.id, 'renew', {});
    expect(late.status).toBe(409);
  });

  test('that is renewed lives on after its first end', async () => {
    const lease = await leases.issue({ ttl: 10, max_ttl: 600 });
    await leases.post(lease.id, 'renew', { ttl: 600 });
    const other = await leases.issue({ ttl: 10 });
    await leases.reaches(other.id, 'ended');
    await as(lease, 'SELECT 1');
    expect((await leases.get(lease.id)).state).toBe('active');
  });

  test('of the same key is the same lease, with its password', async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const first = await leases.issue({ ttl: 600 }, headers);
    const second = await leases.issue({ ttl: 600 }, headers);
    expect(second).toEqual(first);
    const other = await leases.ask({ ttl: 601 }, headers);
    expect([other.status, other.body.name]).toEqual([409, 'idempotency_conflict']);
  });

  test('may be behind a link that shows its password once', async () => {
    const lease = await leases.issue({ handover: 'link' });
    expect(lease.password).toBeNull();
    const path = new URL(lease.handover.url).pathname;
    const opened = await leases.stack.as({}).call('POST', path);
    expect(opened.body.username).toBe(lease.username);
    await as({ ...lease, password: opened.body.password }, 'SELECT 1');
    expect((await leases.stack.as({}).call('POST', path)).status).toBe(404);
  });

  test('two hundred that are given together end together', async () => {
    const given = await Promise.all(Array.from({ length: 200 }, () => leases.issue()));
    expect(new Set(given.map(({ username }) => username)).size).toBe(200);
    await leases.expire(given);
    await until(async () => {
      const { body } = await leases.stack.call('GET', '/v1/leases?state=live&limit=1000');
      const open = new Set(body.leases.map(({ id }: Lease) => id));
      return given.some(({ id }) => open.has(id)) ? undefined : true;
    }, 90_000);
    const names = given.map(({ username }) => `'${username}'`).join();
    expect(await sql(`SELECT 1 FROM pg_roles WHERE rolname IN (${names})`)).toEqual([]);
  });
});

describe('what is refused', () => {
  const refused = async (
    wish: Record<string, unknown>,
    status: number,
    text: string,
    headers?: Record<string, string>,
  ) => {
    const answer = await leases.ask(wish, headers);
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringContaining(text)]);
  };

  beforeAll(async () => {
    await sql(`CREATE ROLE bosses SUPERUSER; CREATE ROLE makers CREATEROLE; CREATE ROLE heirs IN ROLE bosses;
      CREATE ROLE reaching IN ROLE pg_execute_server_program; CREATE ROLE theirs`);
    await leases.stack.control.db.query(
      `INSERT INTO credentials (server_name, role_name, owner, origin, version) VALUES ('host-1', 'theirs', 'rotation/x', 'engine', 1)`,
    );
  });

  test.each([
    [['bosses'], 'has SUPERUSER'],
    [['makers'], 'has CREATEROLE'],
    [['heirs'], 'can become "bosses"'],
    [['reaching'], 'can become "pg_execute_server_program"'],
    [['pg_monitor'], 'a role of PostgreSQL itself'],
    [['postgres'], "the control plane's own role"],
    [['nobody_made_it'], 'there is no role'],
  ])('a lease of %j: to administrators, too', async (roles, reason) => {
    await refused({ roles }, 403, reason);
    const { body } = await leases.stack.call('GET', '/v1/leases?state=refused&limit=1');
    expect(body.leases[0]).toMatchObject({ roles, last_error: expect.stringContaining(reason) });
  });

  test('a role that belongs to something else: an administrator may ask for it, an operator may not', async () => {
    const operator = (await makePerson(leases.stack, { role: 'operator' })).credentials;
    await refused({ roles: ['theirs'] }, 403, 'belongs to rotation/x', operator);
    await leases.issue({ roles: ['theirs'] });
    await leases.issue({}, operator);
  });

  test('what is not within the caller’s scope is answered like what does not exist', async () => {
    const elsewhere = (await makePerson(leases.stack, { role: 'operator', scope: { servers: ['other'] } })).credentials;
    await refused({}, 404, 'no server found', elsewhere);
    const lease = await leases.issue();
    for (const act of ['revoke', 'renew', 'retry']) {
      const body = act === 'renew' ? {} : undefined;
      expect((await leases.post(lease.id, act, body, elsewhere)).status).toBe(404);
    }
    expect((await leases.stack.as(elsewhere).call('GET', '/v1/leases')).body).toEqual({ leases: [] });
  });

  test('terms that contradict each other, and reasons that are none', async () => {
    await refused({ ttl: 100, max_ttl: 50 }, 400, 'ttl: is above max_ttl');
    expect((await leases.ask({ ttl: 0 })).status).toBe(400);
    expect((await leases.ask({ ttl: 40 * 86_400 })).status).toBe(400);
    expect((await leases.ask({ reason: ' ' })).status).toBe(400);
    expect((await leases.ask({ name: 'Robert"; DROP' })).status).toBe(400);
    await refused({ server: undefined }, 400, 'server: is required');
  });

  test('to prolong or drop the login otherwise', async () => {
    const lease = await leases.issue();
    const operator = (await makePerson(leases.stack, { role: 'operator' })).credentials;
    const put = await leases.stack
      .as(operator)
      .call('PUT', `/v1/servers/host-1/roles/${lease.username}`, { valid_until: '2999-01-01T00:00:00Z' });
    expect([put.status, put.body.message]).toEqual([403, expect.stringContaining('leases')]);
    const drop = await leases.stack.as(operator).call('DELETE', `/v1/servers/host-1/roles/${lease.username}`);
    expect([drop.status, drop.body.message]).toEqual([403, expect.stringContaining('belongs to leases')]);
  });
});

describe('templates', () => {
  const template = (more: Record<string, unknown>) =>
    leases.stack.call('POST', '/v1/lease-templates', {
      name: `t-${randomUUID().slice(0, 8)}`,
      server: 'host-1',
      roles: [GROUP],
      default_ttl: 60,
      max_ttl: 120,
      ...more,
    });

  test('members get leases by templates that name them, and no others', async () => {
    const { body: mine } = await template({ accounts: [member.name] });
    const { body: other } = await template({ accounts: ['somebody'] });
    const lease = await leases.issue({ template: mine.name }, member.headers);
    expect(lease).toMatchObject({ template: mine.name, holder: member.name, roles: [GROUP] });
    expect(secondsUntil(lease.max_ends_at)).toBeGreaterThan(100);
    expect((await leases.ask({ template: other.name }, member.headers)).status).toBe(404);
    expect((await leases.ask({}, member.headers)).status).toBe(403);
    const seen = await leases.stack.as(member.headers).call('GET', '/v1/lease-templates');
    expect(seen.body.templates.map(({ name }: { name: string }) => name)).toEqual([mine.name]);
    const too = await leases.ask({ template: mine.name, ttl: 121 }, member.headers);
    expect([too.status, too.body.message]).toEqual([400, expect.stringContaining('ttl: is above max_ttl')]);
    // Of others they see nothing, and they end their own.
    const foreign = await leases.issue();
    expect((await leases.post(foreign.id, 'revoke', undefined, member.headers)).status).toBe(404);
    const own = await leases.stack.as(member.headers).call('GET', '/v1/leases');
    expect(own.body.leases.map(({ id }: Lease) => id)).toEqual([lease.id]);
    expect((await leases.post(lease.id, 'revoke', undefined, member.headers)).body.state).toBe('ended');
  });

  test('are changed and removed by administrators, and what they gave stays', async () => {
    const { body: made, status } = await template({ quota: 5 });
    expect(status).toBe(201);
    const lease = await leases.issue({ template: made.name });
    const path = `/v1/lease-templates/${made.id}`;
    const changed = await leases.stack.call('PATCH', path, { max_ttl: 600, labels: { tier: 'gold' } });
    expect(changed.body).toMatchObject({ max_ttl: 600, labels: { tier: 'gold' } });
    expect(changed.body).not.toHaveProperty('server');
    const wrong = await leases.ask({ template: made.name, server: 'host-1' });
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringContaining('tier=gold')]);
    expect((await leases.stack.call('PATCH', path, { default_ttl: 601 })).status).toBe(400);
    expect((await leases.stack.call('DELETE', path)).status).toBe(200);
    expect((await leases.get(lease.id)).state).toBe('active');
    expect((await leases.stack.call('GET', path)).status).toBe(404);
  });

  test('a quota is never overrun, whoever asks at the same time, and the refusal tells the figure', async () => {
    const { body: made } = await template({ quota: 5 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => leases.ask({ template: made.name })));
    const given = answers.filter(({ status }) => status === 201);
    const refused = answers.filter(({ status }) => status === 429);
    expect([given.length, refused.length]).toEqual([5, 15]);
    expect(refused[0]?.body.message).toContain('5 live leases, which is the most');
    expect(Number(refused[0]?.headers.get('Retry-After'))).toBeGreaterThan(0);
    await leases.post(given[0]?.body.id, 'revoke');
    await leases.issue({ template: made.name });
    expect((await leases.ask({ template: made.name })).status).toBe(429);
  });
});

describe('lists', () => {
  test('pages neither repeat nor leave out a lease', async () => {
    const seen: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await leases.stack.call('GET', `/v1/leases?limit=50${after && `&after_lease_id=${after}`}`);
      seen.push(...body.leases.map(({ id }: Lease) => id));
      if (body.next_lease_id === undefined) break;
      after = body.next_lease_id;
    }
    const { rows } = await leases.stack.control.db.query('SELECT id FROM leases ORDER BY id DESC');
    expect(seen).toEqual(rows.map(({ id }) => id));
  });
});

function connection() {
  const [endpoint] = leases.stack.target.address.endpoints;
  return {
    host: endpoint?.address,
    port: endpoint?.port,
    database: 'postgres',
    ssl: { ca: leases.stack.target.address.tls.caCertificate },
  } as pg.ClientConfig;
}

describe('no lease is given', () => {
  const wish = { server: 'host-1', roles: [GROUP], ttl: 60, reason: 'a test' };
  const issue = (headers: Record<string, string> = {}) => leases.stack.as(headers).call('POST', '/v1/leases', wish);

  test('while its server is in maintenance, and others still end', async () => {
    const lease = await leases.issue({ ttl: 600 });
    const path = '/v1/servers/host-1/maintenance';
    await leases.stack.call('POST', path, { enabled: true, reason: 'moving disks' });
    const { status, body } = await leases.stack.call('POST', '/v1/leases', wish);
    expect({ status, body }).toMatchObject({ status: 409, body: { name: 'server_in_maintenance' } });
    expect(body.message).toContain('moving disks');
    await leases.stack.call('POST', `/v1/leases/${lease.id}/revoke`);
    expect(await leases.reaches(lease.id, 'ended')).toMatchObject({ end_reason: 'revoked' });
    await leases.stack.call('POST', path, { enabled: false });
    await leases.issue({ ttl: 60 });
  });

  test('without the approval that a policy asks for, but to whom may break the glass', async () => {
    const policy = { name: 'leases', kinds: ['lease'], break_glass: { roles: ['admin'] } };
    const { body: made } = await leases.stack.call('POST', '/v1/approval-policies', policy);
    const { credentials } = await makePerson(leases.stack, { role: 'operator' });
    expect(await issue(credentials)).toMatchObject({ status: 409, body: { name: 'approval_required' } });
    const broken = await leases.stack.call('POST', '/v1/leases', wish, { 'x-break-glass': 'the shop is down' });
    expect(broken.status).toBe(201);
    await leases.stack.call('DELETE', `/v1/approval-policies/${made.id}`);
    expect((await issue(credentials)).status).toBe(201);
  });
});
