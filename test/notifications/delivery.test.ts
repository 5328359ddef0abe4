import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { holders, makeCanary } from '../e2e/support/canary.ts';
import { storedRuns } from '../e2e/support/temporal.ts';
import { create, remove, until } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addChannel, deliveriesOf, happened, settled } from './support/channels.ts';
import { type MailServer, startMailServer } from './support/mail-server.ts';
import { startWebhook, type Webhook } from './support/webhook.ts';

/** In the path of every webhook, and the password of the mail server: neither may be anywhere else. */
const urlSecret = makeCanary('url');
const mailPassword = makeCanary('mail');
/** Of a role that is made. */
const rolePassword = makeCanary('role');
/** What a script says. */
const scriptText = makeCanary('script');

let stack: TestStack;
let webhook: Webhook;
let mailServer: MailServer;
let plainMailServer: MailServer;

beforeAll(async () => {
  [stack, webhook] = await Promise.all([
    startTestStack({ runtime: 'process', env: { PGSTEWARD_NOTIFY_SECONDS: '1' } }),
    startWebhook(),
  ]);
  const mail = { directory: stack.config.home, user: 'pgsteward', password: mailPassword };
  mailServer = await startMailServer(mail);
  plainMailServer = await startMailServer({ ...mail, startTls: false });
  await stack.control.db.query(`UPDATE servers SET labels = '{"environment": "prod"}' WHERE name = 'host-1'`);
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all([webhook?.stop(), mailServer?.stop(), plainMailServer?.stop()]);
});

const pathOf = (name: string) => `/services/${name}/${urlSecret}`;
const webhookChannel = (name: string, events: string[], change: Record<string, unknown> = {}) =>
  addChannel(stack, { name, kind: 'slack', events, config: { webhook_url: webhook.url(pathOf(name)) }, ...change });
const mailChannel = (name: string, events: string[], server: MailServer, config: Record<string, unknown> = {}) =>
  addChannel(stack, {
    name,
    kind: 'smtp',
    events,
    config: {
      host: 'localhost',
      port: server.port,
      user: 'pgsteward',
      password: mailPassword,
      from: 'pgsteward@example.com',
      to: ['ops@example.com', 'dba@example.com'],
      ca_certificate: server.caCertificate,
      ...config,
    },
  });
const putRole = (name: string, role: Record<string, unknown> = { login: true }) =>
  stack.call('PUT', `/v1/servers/host-1/roles/${name}`, role);
const runOf = (channelId: string) => stack.temporal.client.workflow.getHandle(`notify/${channelId}`);

describe('Slack', () => {
  test('is tried again after a failure and when it asks for patience, with the same id', async () => {
    const id = await webhookChannel('patient', ['patience.*']);
    webhook.answer(pathOf('patient'), { status: 500 }, { status: 429, headers: { 'Retry-After': '4' } });
    await happened(stack, { action: 'patience.try' });
    const [delivery] = await settled(stack, id, 1);
    expect(delivery).toMatchObject({ event: 'patience.tried', state: 'sent', attempts: 3 });
    expect(delivery).not.toHaveProperty('last_error');
    const received = webhook.received(pathOf('patient'));
    expect(received.map(({ headers }) => headers['x-pgsteward-delivery'])).toEqual(Array(3).fill(delivery?.id));
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    // Of its own accord it would have come after 4 s at the earliest, too; not after 2.
    expect((received[2]?.at ?? 0) - (received[1]?.at ?? 0)).toBeGreaterThan(3_900);
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
      text: 'patience.tried: thing/one',
      blocks: expect.any(Array),
    });
    expect(received[0]?.headers['content-type']).toMatch(/^application\/json/);
  });

  test('is not tried again when it says that there is no such webhook, and the run shows it', async () => {
    const id = await webhookChannel('gone', ['gone.*']);
    webhook.answer(
      pathOf('gone'),
      { status: 404, body: 'no_service' },
      { status: 302, headers: { Location: webhook.url('/elsewhere') } },
    );
    await happened(stack, { action: 'gone.create' });
    expect(await settled(stack, id, 1)).toMatchObject([
      { state: 'failed', attempts: 1, last_error: 'the webhook answered 404 (no_service)' },
    ]);
    await expect(runOf(id).result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining('no_service') },
    });
    await happened(stack, { action: 'gone.update' });
    expect((await settled(stack, id, 2))[1]).toMatchObject({
      state: 'failed',
      attempts: 1,
      last_error: expect.stringContaining('302'),
    });
    expect(webhook.received('/elsewhere')).toEqual([]);
  });

  test('while it fails, the Temporal UI shows which message, how often and why', async () => {
    const id = await webhookChannel('failing', ['failing.*']);
    webhook.answer(pathOf('failing'), { status: 503, headers: { 'Retry-After': '600' } });
    await happened(stack, { action: 'failing.create' });
    await webhook.arrived(pathOf('failing'), 1);
    const pending = await until(async () => {
      const { raw } = await runOf(id).describe();
      return raw.pendingActivities?.find(({ attempt, lastFailure }) => attempt === 2 && lastFailure);
    });
    expect(pending.activityType?.name).toBe('sendNotification');
    expect(pending.lastFailure?.applicationFailureInfo?.type).toBe('ReceiverUnavailable');
    expect(await deliveriesOf(stack, id)).toMatchObject([
      { state: 'pending', attempts: 1, last_error: 'the webhook answered 503' },
    ]);
  });
});

describe('Webex', () => {
  test('gets Markdown, of a test message too', async () => {
    const id = await webhookChannel('webex', ['nothing'], { kind: 'webex' });
    const { status, body } = await stack.call('POST', `/v1/notifications/channels/${id}/test`);
    expect(status).toBe(202);
    expect(await settled(stack, id, 1)).toMatchObject([{ id: body.delivery_id, event: 'test', state: 'sent' }]);
    const [received] = webhook.received(pathOf('webex'));
    expect(JSON.parse(received?.body ?? '')).toEqual({
      markdown: expect.stringMatching(/^\*\*test\*\*: notification\\_channel/),
    });
  });
});

describe('a mail server', () => {
  test('gets a mail after STARTTLS and a login, with an id that stays the same', async () => {
    const id = await mailChannel('mail', ['mailed.*'], mailServer);
    mailServer.refuse(451, 451);
    await happened(stack, { action: 'mailed.create', resource: 'thing/ü\r\nBcc: evil@example.com' });
    const [delivery] = await settled(stack, id, 1);
    expect(delivery).toMatchObject({ state: 'sent', attempts: 2 });
    const [mail] = await mailServer.arrived(1);
    expect(mail).toMatchObject({ secure: true, user: 'pgsteward', from: 'pgsteward@example.com' });
    expect(mail?.to).toEqual(['ops@example.com', 'dba@example.com']);
    const [folded = '', text = ''] = mail?.raw.split('\r\n\r\n') ?? [];
    const headers = folded.replaceAll('\r\n ', ' ');
    expect(headers).toContain(`Message-ID: <${delivery?.id}@${stack.control.installationId}.pgsteward>`);
    expect(headers).toContain(`X-Pgsteward-Delivery: ${delivery?.id}`);
    expect(headers).not.toMatch(/^bcc/im);
    expect(text).toContain('mailed.created');
  });

  test('that refuses the login is not asked again, and what it says is not repeated', async () => {
    const id = await mailChannel('mail-login', ['login.*'], mailServer, { password: `${mailPassword}-wrong` });
    await happened(stack, { action: 'login.create' });
    expect(await settled(stack, id, 1)).toMatchObject([
      { state: 'failed', attempts: 1, last_error: 'the mail server refused the login (535 5.7.8)' },
    ]);
  });

  test('that refuses one of two recipients has taken the mail, and the list says so', async () => {
    const id = await mailChannel('mail-partly', ['partly.*'], mailServer);
    mailServer.refuse(550);
    await happened(stack, { action: 'partly.create' });
    expect(await settled(stack, id, 1)).toMatchObject([
      { state: 'sent', last_error: 'sent, but refused for 1 of 2 recipients' },
    ]);
  });

  test('that offers no TLS, or proves to be nobody, gets neither mail nor password', async () => {
    const plain = await mailChannel('mail-plain', ['insecure.*'], plainMailServer);
    const unproven = await mailChannel('mail-unproven', ['insecure.*'], mailServer, {
      ca_certificate: stack.target.address.tls.caCertificate,
    });
    const before = { mails: mailServer.mails.length, tried: mailServer.tried.length };
    await happened(stack, { action: 'insecure.create' });
    const reasons: [id: string, reason: RegExp][] = [
      [plain, /refused TLS \(500\)/],
      [unproven, /cannot be reached \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/],
    ];
    for (const [id, reason] of reasons) {
      expect(await until(async () => (await deliveriesOf(stack, id))[0]?.last_error)).toMatch(reason);
      expect((await stack.call('DELETE', `/v1/notifications/channels/${id}`)).status).toBe(200);
    }
    expect({ mails: mailServer.mails.length, tried: mailServer.tried.length }).toEqual(before);
    expect(plainMailServer.tried).toEqual([]);
    expect(plainMailServer.mails).toEqual([]);
  });
});

describe('a channel', () => {
  test('hears of its events in its environments, once, whatever the environment is known by', async () => {
    const prod = await webhookChannel('prod', ['role.*', 'user.created'], { environments: ['prod'] });
    const qa = await webhookChannel('qa', ['*'], { environments: ['qa'] });
    expect((await putRole('filtered')).status).toBe(200);
    await happened(stack, { action: 'user.create', detail: { env: 'prod', username: 'app_1' } });
    await happened(stack, { action: 'user.drop', detail: { env: 'prod' } });
    await happened(stack, { action: 'user.create', detail: { env: 'qa' } });
    await happened(stack, { action: 'user.create' });
    await happened(stack, { action: 'user.create', kind: 'intent' });
    expect((await settled(stack, prod, 2)).map(({ event, environment }) => [event, environment])).toEqual([
      ['role.changed', 'prod'],
      ['user.created', 'prod'],
    ]);
    expect((await settled(stack, qa, 1)).map(({ event, environment }) => [event, environment])).toEqual([
      ['user.created', 'qa'],
    ]);
    expect(webhook.received(pathOf('prod'))).toHaveLength(2);
    expect(webhook.received(pathOf('prod'))[1]?.body).toContain('User: app_1');
  });

  test('hears of a database by the environment of its server, also when it failed or is gone', async () => {
    const id = await webhookChannel('databases', ['database.*'], { environments: ['prod'] });
    const request = (name: string, scripts = {}) => {
      const { spec, ...rest } = seedRequest({ id: name, port: 0, user: `${name}_app`, password: rolePassword });
      return { ...rest, spec: { ...spec, services: [], scripts } };
    };
    // The reason of a failure can be what a script says: the task has it, the message only says which task.
    const statement = `DO $$ BEGIN RAISE EXCEPTION '${scriptText}'; END $$`;
    expect((await create(stack, request('broken', { post_database_create: [statement] }))).status).toBe('failed');
    expect((await create(stack, request('shop'))).status).toBe('completed');
    expect((await remove(stack, 'shop')).status).toBe('completed');
    expect((await settled(stack, id, 3)).map(({ event, state }) => `${event} ${state}`)).toEqual([
      'database.create_failed sent',
      'database.created sent',
      'database.deleted sent',
    ]);
  });

  test('that does not answer neither delays nor fails a request, nor keeps another channel waiting', async () => {
    await webhookChannel('hanging', ['role.*']);
    webhook.answer(pathOf('hanging'), 'hang');
    const other = await webhookChannel('beside', ['role.*']);
    expect((await putRole('first')).status).toBe(200);
    await webhook.arrived(pathOf('hanging'), 1);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => putRole(`beside_${index}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await settled(stack, other, 21)).toHaveLength(21);
    expect(webhook.received(pathOf('hanging'))).toHaveLength(1);
  });

  test('gets many messages in their order, from runs of bounded length', async () => {
    const id = await webhookChannel('burst', ['burst.*']);
    await stack.control.db.query(
      `INSERT INTO audit_log (kind, actor, action, resource, outcome)
       SELECT 'outcome', 'somebody', 'burst.create', 'thing/' || n, 'completed' FROM generate_series(1, 105) n`,
    );
    const received = await webhook.arrived(pathOf('burst'), 105);
    const order = Array.from({ length: 105 }, (_, index) => `burst.created: thing/${index + 1}`);
    expect(received.map(({ body }) => JSON.parse(body).text)).toEqual(order);
    const { historyLength } = await runOf(id).describe();
    expect(historyLength).toBeLessThan(200);
  });

  test.each([
    ['disabled', (id: string) => stack.call('PATCH', `/v1/notifications/channels/${id}`, { enabled: false })],
    ['deleted', (id: string) => stack.call('DELETE', `/v1/notifications/channels/${id}`)],
  ])('that is %s gets nothing any more, also of what is being tried', async (how, act) => {
    const name = `later-${how}`;
    const id = await webhookChannel(name, [`${how}.*`]);
    webhook.answer(pathOf(name), { status: 500 });
    await happened(stack, { action: `${how}.create` });
    await webhook.arrived(pathOf(name), 1);
    await until(async () => (await deliveriesOf(stack, id))[0]?.last_error);
    expect((await act(id)).status).toBe(200);
    await happened(stack, { action: `${how}.update` });
    expect(await runOf(id).result()).toEqual({ sent: 0 });
    expect(await deliveriesOf(stack, id)).toMatchObject([
      { state: 'failed', last_error: `the channel was ${how}; before that: the webhook answered 500` },
    ]);
    expect(webhook.received(pathOf(name))).toHaveLength(1);
  });
});

test('no secret is in a message, an answer, a log line or a history', async () => {
  const everything = await webhookChannel('everything', ['*']);
  const made = await putRole('canary', { login: true, password: rolePassword });
  expect(made.status).toBe(200);
  const document = {
    roles: [{ name: 'canary', login: true, password: rolePassword }],
    settings: [{ role: 'canary', name: 'work_mem', value: 'much' }],
  };
  expect((await stack.call('POST', '/v1/servers/host-1/apply', { document })).status).toBe(202);
  await happened(stack, {
    action: 'leak.try',
    detail: { password: rolePassword, error: rolePassword, steps: [rolePassword] },
  });
  await until(async () => {
    const events = (await deliveriesOf(stack, everything)).map(({ event, state }) => `${event} ${state}`);
    return (
      ['role.changed sent', 'roles.apply_failed sent', 'leak.tried sent'].every((event) => events.includes(event)) ||
      undefined
    );
  });
  const secrets = [urlSecret, mailPassword, rolePassword];
  const messages = [...webhook.all.map(({ body }) => body), ...mailServer.mails.map(({ raw }) => raw)];
  const paths = [
    '/v1/notifications/channels',
    '/v1/notifications/deliveries',
    `/v1/notifications/channels/${everything}`,
  ];
  const answers = await Promise.all(paths.map((path) => stack.request(path).then((answer) => answer.text())));
  const tables = await stack.control.db.query(
    `SELECT to_jsonb(c)::text AS text FROM notification_channels c UNION ALL SELECT to_jsonb(d)::text FROM notification_deliveries d
     UNION ALL SELECT to_jsonb(a)::text FROM audit_log a WHERE action <> 'leak.try'`,
  );
  const texts = {
    messages: messages.join('\n'),
    answers: answers.join('\n'),
    tables: JSON.stringify(tables.rows),
    log: await stack.log(),
  };
  expect(holders(texts, secrets)).toEqual([]);
  expect(holders({ messages: texts.messages }, [scriptText])).toEqual([]);
  for (const [workflowId, run] of await storedRuns(stack)) {
    expect(holders({ ...run }, secrets), workflowId).toEqual([]);
  }
});
