import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { collectNotifications } from '../../activities/control/notifications/collect.ts';
import { type AuditDetail, insertAudit } from '../../store/audit.ts';
import type { Queryable } from '../../store/connection.ts';
import { listDeliveries } from '../../store/notification-deliveries.ts';
import { changesNothing } from '../api/support/records.ts';
import { holders, makeCanary } from '../e2e/support/canary.ts';
import { startWorkerProcess, type WorkerProcess } from '../faults/support/worker-process.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addChannel, deliveriesOf, happened, settled } from './support/channels.ts';
import { startWebhook, type Webhook } from './support/webhook.ts';

const SECRET = makeCanary('secret');
const URL_OF_SECRET = `https://hooks.slack.example/services/${SECRET}`;
const UNKNOWN = '0199aaaa-0000-7000-8000-000000000000';

let stack: TestStack;
let webhook: Webhook;
let worker: WorkerProcess | undefined;

beforeAll(async () => {
  [stack, webhook] = await Promise.all([
    startTestStack({ runtime: 'process', workers: false, env: { PGSTEWARD_NOTIFY_SECONDS: '1' } }),
    startWebhook(),
  ]);
});
afterAll(async () => {
  await worker?.stop();
  await stack?.stop();
  await webhook?.stop();
});

const CHANNELS = '/v1/notifications/channels';
const slack = (name: string, change: Record<string, unknown> = {}) => ({
  name,
  kind: 'slack',
  events: ['database.*'],
  config: { webhook_url: URL_OF_SECRET },
  ...change,
});
const smtp = (name: string, config: Record<string, unknown> = {}) => ({
  name,
  kind: 'smtp',
  events: ['*'],
  config: {
    host: 'mail.example.com',
    user: 'pgsteward',
    password: SECRET,
    from: 'pgsteward@example.com',
    to: ['ops@example.com'],
    ...config,
  },
});
const patch = (id: string, change: Record<string, unknown>) => stack.call('PATCH', `${CHANNELS}/${id}`, change);
const remove = (id: string) => stack.call('DELETE', `${CHANNELS}/${id}`);

describe('a channel', () => {
  test('is added, shown, changed and removed; its secret is shown nowhere and sealed where it is', async () => {
    const added = await stack.call('POST', CHANNELS, slack('ops', { environments: ['prod'] }));
    expect(added.status).toBe(201);
    expect(added.body).toEqual({
      id: expect.any(String),
      name: 'ops',
      kind: 'slack',
      enabled: true,
      events: ['database.*'],
      environments: ['prod'],
      configured: true,
      config: { host: 'hooks.slack.example', allow_insecure: false },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    const { id } = added.body;
    expect((await stack.call('GET', `${CHANNELS}/${id}`)).body).toEqual(added.body);
    expect((await stack.call('GET', CHANNELS)).body).toEqual({ channels: [added.body] });
    const moved = `https://hooks.slack.example:8443/${SECRET}/2`;
    const changed = await patch(id, { name: 'operators', enabled: false, config: { webhook_url: moved } });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({
      name: 'operators',
      enabled: false,
      config: { host: 'hooks.slack.example:8443' },
    });
    const { rows: secrets } = await stack.control.db.query(
      `SELECT version FROM secrets WHERE owner = 'notification/${id}'`,
    );
    expect(secrets).toEqual([{ version: 2 }]);
    const removed = await remove(id);
    expect(removed).toMatchObject({ status: 200, body: { id, name: 'operators' } });
    expect((await stack.call('GET', `${CHANNELS}/${id}`)).status).toBe(404);
    const left = await stack.control.db.query(`SELECT FROM secrets WHERE owner = 'notification/${id}'`);
    expect(left.rowCount).toBe(0);
    const { rows: audited } = await stack.control.db.query<{ line: string; detail: Record<string, unknown> }>(
      `SELECT kind || ' ' || actor || ' ' || action || coalesce(' ' || outcome, '') AS line, detail FROM audit_log
       WHERE resource = 'notification_channel/${id}' ORDER BY id`,
    );
    expect(audited.map(({ line }) => line)).toEqual(
      ['create', 'change', 'delete'].flatMap((what) => [
        `intent admin notification_channel.${what}`,
        `outcome admin notification_channel.${what} completed`,
      ]),
    );
    expect(audited[3]?.detail).toMatchObject({
      before: { name: 'ops', enabled: true, config: { host: 'hooks.slack.example' } },
      after: { name: 'operators', enabled: false },
      newSecret: true,
    });
    const texts = {
      answers: JSON.stringify([added, changed, removed]),
      audit: JSON.stringify(audited),
      log: await stack.log(),
    };
    expect(holders(texts, [SECRET])).toEqual([]);
  });

  test('of a mail server needs its password again where a change leads it elsewhere', async () => {
    const added = await stack.call('POST', CHANNELS, smtp('mail'));
    expect(added.body).toMatchObject({
      configured: true,
      config: { host: 'mail.example.com', port: 587, security: 'starttls', user: 'pgsteward', to: ['ops@example.com'] },
    });
    const { id } = added.body;
    for (const config of [
      { host: 'other.example.com' },
      { port: 25 },
      { security: 'tls' },
      { user: 'root' },
      { allow_insecure: true },
    ]) {
      const refused = await changesNothing(stack, () => patch(id, { config }));
      expect(refused, JSON.stringify(config)).toMatchObject({ status: 400, body: { name: 'invalid_input' } });
      expect(refused.body.message).toBe(`config.password: is required, because ${Object.keys(config)[0]} would change`);
    }
    expect((await patch(id, { config: { to: ['a@example.com', 'b@example.com'] } })).body.config.to).toHaveLength(2);
    expect((await patch(id, { config: { host: 'other.example.com', password: 'new' } })).body.config.host).toBe(
      'other.example.com',
    );
    const { body } = await patch(id, { config: { user: null } });
    expect(body.configured).toBe(false);
    expect(body.config).not.toHaveProperty('user');
    await remove(id);
  });

  test('is added once by the same request under a key', async () => {
    const key = { 'idempotency-key': 'once' };
    const first = await stack.call('POST', CHANNELS, slack('keyed'), key);
    const again = await stack.call('POST', CHANNELS, slack('keyed'), key);
    expect(again.body).toEqual(first.body);
    const other = await stack.call(
      'POST',
      CHANNELS,
      slack('keyed', { config: { webhook_url: `${URL_OF_SECRET}/2` } }),
      key,
    );
    expect(other).toMatchObject({ status: 409, body: { name: 'idempotency_conflict' } });
    await remove(first.body.id);
  });

  test('has a name that no other has', async () => {
    const [one, two] = [await addChannel(stack, slack('one')), await addChannel(stack, slack('two'))];
    for (const ask of [() => stack.call('POST', CHANNELS, slack('one')), () => patch(two, { name: 'one' })]) {
      expect(await changesNothing(stack, ask)).toMatchObject({ status: 409, body: { name: 'channel_already_exists' } });
    }
    expect((await patch(two, { name: 'two' })).status).toBe(200);
    await Promise.all([one, two].map(remove));
  });
});

describe('what cannot be a channel is refused, nothing is changed and no secret repeated', () => {
  test.each<[what: string, body: unknown, message: RegExp]>([
    [
      'without TLS',
      slack('x', { config: { webhook_url: `http://hooks.example/${SECRET}` } }),
      /config.webhook_url: without TLS/,
    ],
    [
      'a file',
      slack('x', { config: { webhook_url: `file:///${SECRET}` } }),
      /config.webhook_url: must begin with https/,
    ],
    ['no URL', slack('x', { config: { webhook_url: SECRET } }), /config.webhook_url: must be a URL/],
    [
      'credentials in the URL',
      slack('x', { config: { webhook_url: `https://a:${SECRET}@hooks.example/` } }),
      /user and password/,
    ],
    ['settings of a mail server for Slack', slack('x', { config: { webhook_url: URL_OF_SECRET, host: 'a' } }), /host/],
    ['another kind', slack('x', { kind: 'pager' }), /kind/],
    ['no event', slack('x', { events: [] }), /events/],
    ['an odd pattern', slack('x', { events: ['Database Created'] }), /must be names of events/],
    ['an odd name', slack('X Y'), /name/],
    ['a member too many', slack('x', { secret: SECRET }), /secret/],
    ['a mail server without TLS', smtp('x', { security: 'none' }), /config.security: without TLS/],
    [
      'a user without a password',
      smtp('x', { password: undefined }),
      /config.password: user and password belong together/,
    ],
    [
      'a header in an address',
      smtp('x', { to: ['a@example.com\r\nBcc: b@example.com'] }),
      /must be a mail address alone/,
    ],
    ['a list in an address', smtp('x', { from: 'a@example.com, b@example.com' }), /must be a mail address alone/],
    ['a socket for a host', smtp('x', { host: '/run/smtp' }), /must be a host name/],
    ['no recipients', smtp('x', { to: [] }), /to/],
    ['a URL for a mail server', smtp('x', { webhook_url: URL_OF_SECRET }), /webhook_url/],
  ])('%s', async (_what, body, message) => {
    const answer = await changesNothing(stack, () => stack.call('POST', CHANNELS, body));
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(message);
    expect(holders({ answer: JSON.stringify(answer) }, [SECRET])).toEqual([]);
  });

  test('a change to settings of another kind', async () => {
    const id = await addChannel(stack, slack('kind'));
    const answer = await changesNothing(stack, () => patch(id, { config: { host: 'a', to: ['b@example.com'] } }));
    expect(answer.body.message).toBe(
      'config.host: is no setting of a channel of kind slack\nconfig.to: is no setting of a channel of kind slack',
    );
    await remove(id);
  });

  test.each([
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/test'],
  ])('an id that no channel has: %s %s', async (method, path) => {
    const body = method === 'PATCH' ? {} : undefined;
    const ask = () => stack.call(method, `${CHANNELS}/${UNKNOWN}${path}`, body);
    expect(await changesNothing(stack, ask)).toMatchObject({ status: 404, body: { name: 'not_found' } });
    expect((await stack.call(method, `${CHANNELS}/nobody${path}`, body)).status).toBe(400);
  });

  test('a test of a channel that is disabled', async () => {
    const id = await addChannel(stack, slack('off', { enabled: false }));
    const ask = () => stack.call('POST', `${CHANNELS}/${id}/test`);
    expect(await changesNothing(stack, ask)).toMatchObject({ status: 409, body: { name: 'channel_disabled' } });
    await remove(id);
  });
});

describe('the audit log is looked through', () => {
  const collect = () => collectNotifications(stack.api);
  const cursor = async () => {
    const { rows } = await stack.control.db.query<{ settled: number; newest: number }>(
      `SELECT settled_id AS settled, (SELECT max(id) FROM audit_log) AS newest FROM notification_cursor`,
    );
    return rows[0] ?? { settled: -1, newest: -1 };
  };
  const eventsOf = async (id: string) => (await deliveriesOf(stack, id)).map(({ event }) => event);
  let open: pg.PoolClient | undefined;
  let id: string | undefined;

  afterEach(async () => {
    await open?.query('ROLLBACK');
    open?.release();
    open = undefined;
    if (id !== undefined) await remove(id);
  });

  test('and an outcome that is committed late, below others, is found; each is found once', async () => {
    id = await addChannel(stack, slack('late', { events: ['late.*'] }));
    open = await stack.control.db.connect();
    await open.query('BEGIN');
    const row = {
      kind: 'outcome',
      actor: 'slow',
      action: 'late.create',
      resource: 'thing/slow',
      outcome: 'completed',
    } as const;
    await insertAudit(open, row);
    await happened(stack, { action: 'late.update' });
    for (let look = 0; look < 4; look += 1) await collect();
    expect(await eventsOf(id)).toEqual(['late.updated']);
    const during = await cursor();
    expect(during.settled).toBeLessThan(during.newest);
    await open.query('COMMIT');
    for (let look = 0; look < 4; look += 1) await collect();
    expect(await eventsOf(id)).toEqual(['late.updated', 'late.created']);
    const { settled: settledId, newest } = await cursor();
    expect(settledId).toBe(newest);
  });

  test('for outcomes, refusals and reveals, each with the environment that it belongs to', async () => {
    id = await addChannel(stack, slack('kinds', { events: ['*'] }));
    const { db } = stack.control;
    await db.query(`UPDATE servers SET labels = '{"environment": "prod"}' WHERE name = 'host-1'`);
    const asked = { actor: 'somebody', resource: 'server/host-1/role/app' } as const;
    await insertAudit(db, { kind: 'intent', action: 'user.create', ...asked });
    await insertAudit(db, { kind: 'refusal', action: 'user.create', outcome: 'refused', ...asked });
    await insertAudit(db, { kind: 'reveal', action: 'role.password', ...asked });
    const details: [resource: string, detail: AuditDetail][] = [
      ['thing/one', { env: 'qa' }],
      ['server/host-1', { env: 'qa' }],
      ['registry/1', { before: { env: 'dev' } }],
      ['server/gone/role/app', {}],
      ['server/gone-too', { before: { labels: { environment: 'older' } } }],
      ['policy/staging', {}],
      ['host/host-1', {}],
      ['token/one', {}],
    ];
    for (const [resource, detail] of details) await happened(stack, { action: 'seen.change', resource, detail });
    const taskId = uuidv7();
    const drop = { action: 'server.drop_role', resource: 'server/host-1', taskId };
    const detail = { operation: 'user.drop', env: 'qa', username: 'app' };
    await insertAudit(db, { kind: 'intent', actor: 'somebody', ...drop, detail });
    await happened(stack, drop);
    await happened(stack, { action: 'user.reset', resource: 'user/qa/shop/app' });
    // Before anybody has looked.
    const before = { labels: { environment: 'old' } };
    await happened(stack, { action: 'server.delete', resource: 'server/gone', detail: { before } });
    await collect();
    const own = (await deliveriesOf(stack, id)).filter(({ event }) => !event.startsWith('notification_channel.'));
    expect(own.map(({ event, environment }) => [event, environment])).toEqual([
      ['user.create_refused', 'prod'],
      ['role.password_revealed', 'prod'],
      ...['qa', 'qa', 'dev', 'old', 'older', 'staging', 'prod', undefined].map((of) => ['seen.changed', of]),
      ['user.dropped', 'qa'],
      ['user.password_reset', 'qa'],
      ['server.deleted', 'old'],
    ]);
  });

  test('and two who look at once add nothing twice', async () => {
    id = await addChannel(stack, slack('twice', { events: ['twice.*'] }));
    for (let n = 0; n < 5; n += 1) await happened(stack, { action: 'twice.create' });
    const looks = await Promise.all([collect(), collect(), collect()]);
    expect(looks.map(({ added }) => added).toSorted()).toEqual([0, 0, 5]);
    expect(await eventsOf(id)).toHaveLength(5);
  });

  test('and what is of no use to anybody is passed over, also while nobody listens', async () => {
    await happened(stack, { action: 'passed.create' });
    expect(await collect()).toEqual({ added: 0, channelIds: [], more: false });
    const { settled: settledId, newest } = await cursor();
    expect(settledId).toBe(newest);
    id = await addChannel(stack, slack('new', { events: ['passed.*'] }));
    await collect();
    expect(await eventsOf(id)).toEqual([]);
  });

  test('and what happened while a channel was disabled is not sent to it afterwards', async () => {
    id = await addChannel(stack, slack('paused', { events: ['paused.*'] }));
    const beside = await addChannel(stack, slack('beside', { events: ['paused.*'] }));
    await patch(id, { enabled: false });
    await happened(stack, { action: 'paused.create' });
    await patch(id, { enabled: true });
    await collect();
    expect(await eventsOf(id)).toEqual([]);
    expect(await eventsOf(beside)).toEqual(['paused.created']);
    await remove(beside);
  });

  test('and a log of many thousand rows is looked through in pieces, each of which is kept', async () => {
    id = await addChannel(stack, slack('many', { events: ['many.last'] }));
    await stack.control.db.query(
      `INSERT INTO audit_log (kind, actor, action, resource, outcome)
       SELECT 'outcome', 'somebody', CASE n WHEN 25000 THEN 'many.last' ELSE 'many.other' END, 'thing/' || n, 'failed'
       FROM generate_series(1, 25000) n`,
    );
    await patch(id, { events: ['many.last_failed'] });
    const looks: { added: number; more: boolean }[] = [];
    do looks.push(await collect());
    while (looks.at(-1)?.more);
    expect(looks.map(({ added }) => added)).toEqual([0, 0, 0, 1]);
  });
});

describe('the list of messages', () => {
  test('has pages and filters, each in the order of an index', async () => {
    const client = await stack.control.db.connect();
    try {
      await client.query('BEGIN');
      await client.query(
        `INSERT INTO notification_deliveries (id, channel_id, channel_name, audit_id, facts, state)
         SELECT gen_random_uuid(), ('0199aaaa-0000-7000-8000-00000000000' || n % 10)::uuid, 'filled', n, '{}',
                CASE n % 7 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending' ELSE 'sent' END FROM generate_series(1, 20000) n`,
      );
      await client.query('ANALYZE notification_deliveries');
      const page = { order: 'desc', limit: 100 } as const;
      const pages: [index: string, filter: Partial<Parameters<typeof listDeliveries>[1]>][] = [
        ['notification_deliveries_pkey', {}],
        ['notification_deliveries_pkey', { order: 'asc', afterId: '80000000-0000-4000-8000-000000000000' }],
        ['notification_deliveries_channel', { channelId: `${UNKNOWN.slice(0, -1)}3` }],
        ['notification_deliveries_state', { state: 'failed' }],
      ];
      for (const [index, filter] of pages) {
        const explained = await planOf(client, (db) => listDeliveries(db, { ...page, ...filter }));
        expect(explained).toContain(index);
        expect(explained).not.toMatch(/Seq Scan|Sort/);
      }
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  test('is read page by page, with what became of each', async () => {
    const id = await addChannel(stack, slack('paged'));
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push((await stack.call('POST', `${CHANNELS}/${id}/test`)).body.delivery_id);
    const pageOf = async (query: string) => {
      const { body } = await stack.call('GET', `/v1/notifications/deliveries?channel_id=${id}&${query}`);
      return body.deliveries.map((delivery: { id: string }) => delivery.id);
    };
    expect(await pageOf('limit=2')).toEqual([ids[2], ids[1]]);
    expect(await pageOf(`limit=2&after_delivery_id=${ids[1]}`)).toEqual([ids[0]]);
    expect(await pageOf('sort_order=asc')).toEqual(ids);
    expect(await pageOf('state=sent')).toEqual([]);
    await remove(id);
    expect(await pageOf('state=failed')).toHaveLength(3);
    expect((await stack.call('GET', '/v1/notifications/deliveries?state=lost')).status).toBe(400);
  });
});

describe('a worker that is killed', () => {
  test('before it has sent, or before it has heard that it was: the message arrives all the same, and can be told as one', async () => {
    const channel = (name: string) =>
      slack(name, { events: ['killed.*'], config: { webhook_url: webhook.url(`/${name}`) } });
    const before = await addChannel(stack, channel('before'));
    const unheard = await addChannel(stack, channel('unheard'));
    webhook.answer('/unheard', 'hang');
    await happened(stack, { action: 'killed.create' });
    // The second point is never reached: the first is waited at until the process is killed from here.
    worker = await startWorkerProcess(stack, {
      killAt: [
        { subject: before, activity: 'sendNotification', when: 'before' },
        { subject: before, activity: 'never', when: 'before' },
      ],
    });
    const [first] = await webhook.arrived('/unheard', 1);
    await worker.kill();
    expect(webhook.received('/before')).toEqual([]);
    worker = await startWorkerProcess(stack);
    expect(await settled(stack, before, 1)).toMatchObject([{ state: 'sent' }]);
    const [delivery] = await settled(stack, unheard, 1);
    expect(delivery).toMatchObject({ state: 'sent', attempts: 2 });
    expect(webhook.received('/before')).toHaveLength(1);
    const [, second] = webhook.received('/unheard');
    expect(second?.headers['x-pgsteward-delivery']).toBe(first?.headers['x-pgsteward-delivery']);
    expect(second?.body).toBe(first?.body);
  });
});

/** How PostgreSQL would carry out the one query that `list` makes. */
async function planOf(client: pg.PoolClient, list: (db: Queryable) => Promise<unknown>): Promise<string> {
  const plans: string[] = [];
  const explaining = {
    async query(text: string, values: unknown[]) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      return { rows: [] };
    },
  } as unknown as Queryable;
  await list(explaining);
  return plans.join('\n');
}
