import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockAdministrators } from '../../../store/accounts.ts';
import { inTransaction } from '../../../store/connection.ts';
import { makePerson, type Person } from '../../support/accounts.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { expectError, expectProblems } from '../support/answers.ts';
import { changesNothing } from '../support/records.ts';

const UNKNOWN_ID = '019f6a00-0000-7000-8000-000000000001';
let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
});
afterAll(() => stack?.stop());

const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });
const whoIs = async (text: string) => (await stack.as(bearer(text)).call('GET', '/v1/me')).body;
const auditOf = async (resource: string) =>
  (
    await stack.control.db.query<{ line: string }>(
      `SELECT kind || ' ' || actor || ' ' || action AS line FROM audit_log WHERE resource = $1 ORDER BY id`,
      [resource],
    )
  ).rows.map(({ line }) => line);

describe('an account', () => {
  test('is made, gets a token, is changed and disabled, each with the next request, and all of it is on record', async () => {
    const body = {
      name: 'ci-shop',
      role: 'operator',
      scope: { databases: ['shop', 'shop'] },
      email: 'ci@shop.example',
    };
    const made = await stack.call('POST', '/v1/accounts', body);
    expect(made).toMatchObject({
      status: 201,
      body: { ...body, scope: { databases: ['shop'] }, origin: 'made', id: expect.any(String) },
    });
    const path = `/v1/accounts/${made.body.id}`;
    expect((await stack.call('GET', path)).body).toEqual(made.body);
    const { body: created } = await stack.call('POST', '/v1/tokens', { name: 'pipeline', account: 'ci-shop' });
    expect(await whoIs(created.secret)).toMatchObject({ account: 'ci-shop', role: 'operator' });
    const changed = await stack.call('PATCH', path, { role: 'auditor', scope: null, email: null });
    expect(changed.body).toEqual({ ...made.body, role: 'auditor', scope: undefined, email: undefined });
    expect(await whoIs(created.secret)).toMatchObject({ role: 'auditor' });
    expect((await whoIs(created.secret)).scope).toBeUndefined();
    const disabled = await stack.call('DELETE', path);
    expect(disabled.body).toMatchObject({ name: 'ci-shop', disabled_at: expect.any(String) });
    expect(await whoIs(created.secret)).toMatchObject({ message: 'the account is disabled' });
    expect((await stack.call('PATCH', path, { disabled: false })).body.disabled_at).toBeUndefined();
    expect(await whoIs(created.secret)).toMatchObject({ account: 'ci-shop' });
    expect(await auditOf(`account/${made.body.id}`)).toEqual([
      'intent admin account.create',
      'outcome admin account.create',
      ...[1, 2, 3].flatMap(() => ['intent admin account.change', 'outcome admin account.change']),
    ]);
  });

  test('keeps its name for ever, and takes none that records have for something else', async () => {
    await stack.call('POST', '/v1/accounts', { name: 'once', role: 'member' });
    const post = (body: unknown) => changesNothing(stack, () => stack.call('POST', '/v1/accounts', body));
    expectError(await post({ name: 'once', role: 'admin' }), 409, 'account_already_exists');
    for (const name of ['loopback', 'start-up', 'anonymous']) {
      expectProblems(await post({ name, role: 'member' }), /^name: is a name of this program/);
    }
    for (const name of ['basic:ci', 'oidc:alice', 'Once', '', 'a'.repeat(64), 'a b']) {
      expect((await post({ name, role: 'member' })).status).toBe(400);
    }
    for (const change of [{ role: 'root' }, { scope: { hosts: ['host-1'] } }, { scope: [] }, { email: 'none' }]) {
      expect((await post({ name: 'odd', role: 'member', ...change })).status).toBe(400);
    }
  });

  test('is made once for a repeated request with the same key', async () => {
    const key = { 'Idempotency-Key': 'account-keyed' };
    const answers = [1, 2].map(() => stack.call('POST', '/v1/accounts', { name: 'keyed', role: 'member' }, key));
    const [first, second] = await Promise.all(answers);
    expect([first?.status, second?.body]).toEqual([201, first?.body]);
  });

  test('that does not exist is 404, and pages of all come in the order in which they were made', async () => {
    expectError(await stack.call('GET', `/v1/accounts/${UNKNOWN_ID}`), 404, 'not_found');
    expectError(await stack.call('PATCH', `/v1/accounts/${UNKNOWN_ID}`, { role: 'member' }), 404, 'not_found');
    const { body: all } = await stack.call('GET', '/v1/accounts?limit=1000');
    const names = all.accounts.map(({ name }: { name: string }) => name);
    expect(names.slice(0, 2)).toEqual(['loopback', 'admin']);
    const { body: page } = await stack.call('GET', `/v1/accounts?limit=1&after_account_id=${all.accounts[0].id}`);
    expect(page.accounts).toEqual([all.accounts[1]]);
  });

  test('of everybody on the open listener cannot be changed', async () => {
    const { body } = await stack.call('GET', '/v1/accounts?limit=1');
    expectError(await stack.call('DELETE', `/v1/accounts/${body.accounts[0].id}`), 403, 'forbidden');
  });
});

describe('the last account that can administer everything', () => {
  test('cannot be disabled, confined or made less, also not by two requests at once', async () => {
    const { db } = stack.control;
    const [first] = await inTransaction(db, lockAdministrators);
    const path = (id: string | undefined) => `/v1/accounts/${id}`;
    for (const change of [{ disabled: true }, { role: 'operator' }, { scope: {} }]) {
      const answer = await changesNothing(stack, () => stack.call('PATCH', path(first), change));
      expectError(answer, 409, 'last_administrator');
    }
    const { account } = await makePerson(stack, { role: 'admin' });
    const answers = await Promise.all([first, account.id].map((id) => stack.call('DELETE', path(id))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    await db.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [first]);
  });
});

describe('a token', () => {
  const create = (credentials: Record<string, string>, body: object, headers?: Record<string, string>) =>
    stack.as(credentials).call('POST', '/v1/tokens', body, headers);

  test('shows its secret in the answer that makes it and nowhere else', async () => {
    const { body } = await create(stack.admin, { name: 'shown once', role: 'auditor' });
    expect(await whoIs(body.secret)).toMatchObject({ account: 'admin', role: 'auditor', token_id: body.token.id });
    expect(body.secret.startsWith(body.token.prefix)).toBe(true);
    const shown = await stack.call('GET', `/v1/tokens/${body.token.id}`);
    const { last_used_at: _, ...rest } = shown.body;
    expect(rest).toEqual(body.token);
    const { body: list } = await stack.call('GET', '/v1/tokens?limit=1000');
    const { rows } = await stack.control.db.query(
      `SELECT to_jsonb(a)::text FROM audit_log a UNION ALL SELECT to_jsonb(k)::text FROM idempotency_keys k
       UNION ALL SELECT to_jsonb(t)::text FROM tokens t`,
    );
    const secret = body.secret.slice(body.token.prefix.length);
    expect(JSON.stringify([shown.body, list, rows, await stack.log()])).not.toContain(secret);
    expect(await auditOf(`token/${body.token.id}`)).toEqual([
      'intent admin token.create',
      'outcome admin token.create',
    ]);
  });

  test('is the same for a repeated request with the same key, which is a reveal; other rights do not get it', async () => {
    const { credentials, account } = await makePerson(stack, { role: 'operator' });
    const key = { 'Idempotency-Key': 'token-keyed' };
    const [first, again] = [
      await create(credentials, { name: 'keyed' }, key),
      await create(credentials, { name: 'keyed' }, key),
    ];
    expect(again.body).toEqual(first.body);
    expect(await auditOf(`token/${first.body.token.id}`)).toEqual([
      `intent ${account.name} token.create`,
      `outcome ${account.name} token.create`,
      `reveal ${account.name} token.secret`,
    ]);
    const { rows } = await stack.control.db.query(
      `SELECT response::text FROM idempotency_keys WHERE key = 'token-keyed'`,
    );
    expect(JSON.stringify(rows)).not.toContain(first.body.secret.slice(10));
    const { body: narrow } = await create(credentials, { name: 'narrow', role: 'member' });
    const stolen = await create(bearer(narrow.secret), { name: 'keyed' }, key);
    expectError(stolen, 409, 'idempotency_conflict');
  });

  test('of oneself has no more rights than one has here and now', async () => {
    const scope = { databases: ['a', 'b'] };
    const person = await makePerson(stack, { role: 'operator', scope });
    const { body: narrow } = await create(person.credentials, { name: 'narrow', scope: { databases: ['a'] } });
    const refused: [Record<string, string>, object][] = [
      [person.credentials, { role: 'admin' }],
      [person.credentials, { role: 'auditor' }],
      [person.credentials, { scope: { databases: ['a', 'c'] } }],
      [person.credentials, { scope: { databases: ['a'], servers: ['s'] } }],
      [person.credentials, { account: 'admin' }],
      [bearer(narrow.secret), { scope: { databases: ['b'] } }],
      [bearer(narrow.secret), { scope }],
    ];
    for (const [credentials, change] of refused) {
      const answer = await changesNothing(stack, () => create(credentials, { name: 'more', ...change }));
      expectError(answer, 403, 'forbidden');
    }
    const { body: child } = await create(bearer(narrow.secret), { name: 'child' });
    expect(await whoIs(child.secret)).toMatchObject({ role: 'operator', scope: { databases: ['a'] } });
    // What is as in the account follows the account.
    const { body: same } = await create(person.credentials, { name: 'same' });
    await stack.call('PATCH', `/v1/accounts/${person.account.id}`, { scope: { databases: ['b', 'c'] } });
    expect((await whoIs(same.secret)).scope).toEqual({ databases: ['b', 'c'] });
    expect((await whoIs(child.secret)).scope).toEqual({});
  });

  test('that expires makes none that lives longer', async () => {
    const soon = new Date(Date.now() + 3_600_000);
    const { credentials } = await makePerson(stack, { role: 'member', token: { expiresAt: soon } });
    const { body } = await create(credentials, { name: 'child' });
    expect(body.token.expires_at).toBe(`${soon.toISOString().slice(0, 19)}Z`);
    const later = new Date(soon.getTime() + 1000).toISOString();
    expectProblems(await create(credentials, { name: 'later', expires_at: later }), /^expires_at: must not be after/);
    const past = new Date(Date.now() - 1000).toISOString();
    expectProblems(await create(stack.admin, { name: 'past', expires_at: past }), /^expires_at: is not in the future/);
  });

  test('for others is made by administrators without a scope, for accounts that may have one', async () => {
    const { account } = await makePerson(stack, { role: 'operator' });
    const confined = await makePerson(stack, { role: 'admin', scope: { databases: ['a'] } });
    const body = { name: 'for others', account: account.name };
    expectError(await create(confined.credentials, body), 403, 'forbidden');
    expectError(
      await create(stack.admin, { ...body, role: 'admin' }),
      403,
      'forbidden',
      /which does not include admin/,
    );
    expectError(await create(stack.admin, { ...body, account: 'nobody' }), 404, 'not_found');
    expectError(await create(stack.admin, { ...body, account: 'loopback' }), 403, 'forbidden');
    expect((await create(stack.admin, body)).status).toBe(201);
    await stack.call('DELETE', `/v1/accounts/${account.id}`);
    expectError(await create(stack.admin, body), 403, 'forbidden', /is disabled/);
  });

  test('is listed, shown and revoked by its owner and by administrators; to others it does not exist', async () => {
    const [owner, other] = [await makePerson(stack, { role: 'member' }), await makePerson(stack, { role: 'operator' })];
    const path = `/v1/tokens/${owner.token.id}`;
    const idsOf = async (person: Person, query = '') =>
      (await stack.as(person.credentials).call('GET', `/v1/tokens${query}`)).body.tokens?.map(
        ({ id }: { id: string }) => id,
      );
    expect(await idsOf(owner)).toEqual([owner.token.id]);
    expect(await idsOf(other)).toEqual([other.token.id]);
    expect((await stack.as(other.credentials).call('GET', `/v1/tokens?account=${owner.account.name}`)).status).toBe(
      403,
    );
    const { body: byAdmin } = await stack.call('GET', `/v1/tokens?account=${owner.account.name}`);
    expect(byAdmin.tokens).toHaveLength(1);
    const missing = await stack.as(other.credentials).call('DELETE', `/v1/tokens/${UNKNOWN_ID}`);
    const foreign = await stack.as(other.credentials).call('DELETE', path);
    expect([foreign.status, foreign.body]).toEqual([404, missing.body]);
    const revoked = await stack.as(owner.credentials).call('DELETE', path);
    expect(revoked.body.revoked_at).toEqual(expect.any(String));
    expect((await stack.as(owner.credentials).call('GET', path)).status).toBe(401);
    // Again changes nothing, and is no second row in the audit log.
    expect((await changesNothing(stack, () => stack.call('DELETE', path))).body.revoked_at).toBe(
      revoked.body.revoked_at,
    );
    expect((await stack.call('DELETE', `/v1/tokens/${other.token.id}`)).status).toBe(200);
  });
});

test('an account is made by nobody who could not administer it', async () => {
  for (const role of ['operator', 'auditor', 'member'] as const) {
    const { credentials } = await makePerson(stack, { role });
    const answer = await stack.as(credentials).call('POST', '/v1/accounts', { name: 'sneaky', role: 'admin' });
    expectError(answer, 403, 'forbidden');
  }
  const confined = await makePerson(stack, { role: 'admin', scope: { servers: ['host-1'] } });
  const answer = await stack.as(confined.credentials).call('POST', '/v1/accounts', { name: 'sneaky', role: 'admin' });
  expectError(answer, 403, 'forbidden', /the whole installation/);
});
