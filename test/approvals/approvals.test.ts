import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { makeToken } from '../../platform/secrets/token.ts';
import { insertToken } from '../../store/tokens.ts';
import { expectError } from '../api/support/answers.ts';
import { innermostMessage } from '../faults/support/innermost-message.ts';
import { addChannel, deliveriesOf } from '../notifications/support/channels.ts';
import { startWebhook, type Webhook } from '../notifications/support/webhook.ts';
import { taskEnded, until } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { addPolicy, decide, ended, hasRole, type Somebody, somebody } from './support/people.ts';

const SERVER = '/v1/servers/host-1';
let stack: TestStack;
let webhook: Webhook;
let channel: string;
let [ann, bob, eve, boss]: Somebody[] = [];

beforeAll(async () => {
  [stack, webhook] = await Promise.all([
    startTestStack({ runtime: 'process', env: { PGSTEWARD_NOTIFY_SECONDS: '1' } }),
    startWebhook(),
  ]);
  await stack.control.db.query(`UPDATE servers SET labels = '{"environment": "prod"}' WHERE name = 'host-1'`);
  const scope = { servers: ['host-1'] };
  ann = await somebody(stack, { role: 'operator', scope, name: 'ann' });
  bob = await somebody(stack, { role: 'operator', scope, name: 'bob' });
  eve = await somebody(stack, { role: 'operator', scope, name: 'eve' });
  boss = await somebody(stack, { role: 'admin', name: 'boss' });
  await addPolicy(stack, {
    name: 'one',
    environments: ['prod'],
    roles: ['one_*'],
    approved_by: { accounts: ['bob', 'ann'], roles: ['admin'] },
    break_glass: { accounts: ['eve'], roles: [] },
  });
  await addPolicy(stack, { name: 'two', roles: ['two_*'], approvers: 2, approved_by: { accounts: ['bob', 'eve'] } });
  await addPolicy(stack, {
    name: 'hasty',
    roles: ['hasty_*'],
    approved_by: { accounts: ['bob'] },
    expires_in_seconds: 1,
  });
  channel = await addChannel(stack, {
    name: 'approvers',
    kind: 'slack',
    events: ['approval.*'],
    config: { webhook_url: webhook.url('/approvers') },
  });
});
afterAll(async () => {
  await stack?.stop();
  await webhook?.stop();
});

const people = () => {
  if (!ann || !bob || !eve || !boss) throw new Error('nobody is here yet');
  return { ann, bob, eve, boss };
};

const apply = (by: Somebody, document: object, more: object = {}, headers: Record<string, string> = {}) =>
  by.call('POST', `${SERVER}/apply`, { document, ...more }, headers);

/** A change of one's own that waits, and its id. */
async function held(name: string, by: Somebody = people().ann): Promise<{ id: string; planHash: string }> {
  const { status, body, headers } = await apply(by, { roles: [{ name }] });
  expect(status).toBe(202);
  expect(body).toMatchObject({ task: { status: 'pending' }, approval: { state: 'pending' } });
  expect(headers.get('Location')).toBe(`/v1/approvals/${body.approval.id}`);
  return { id: body.approval.id, planHash: body.approval.plan_hash };
}

describe('a document that a policy is about', () => {
  test('waits with its plan, is approved, and is carried out', async () => {
    const { bob: approver } = people();
    const answer = await apply(people().ann, { roles: [{ name: 'one_waits', login: true }] }, { reason: 'ticket 42' });
    expect(answer.status).toBe(202);
    const { id } = answer.body.approval;
    const { body: shown } = await approver.call('GET', `/v1/approvals/${id}`);
    expect(shown).toMatchObject({
      state: 'pending',
      requester: 'ann',
      reason: 'ticket 42',
      policy: 'one',
      kind: 'apply',
      roles: ['one_waits'],
      plan: { hash: shown.plan_hash, steps: [{ action: expect.any(String) }], impact: expect.any(Object) },
    });
    expect(await hasRole(stack, 'one_waits')).toBe(false);
    const { status, body } = await decide(approver, id, 'approve', { comment: 'fine' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'approved', votes: [{ account: 'bob', verdict: 'approve', comment: 'fine' }] });
    expect(await ended(stack, id)).toMatchObject({ state: 'executed', task: { status: 'completed' } });
    expect(await hasRole(stack, 'one_waits')).toBe(true);
  });

  test('that changes nothing waits for nobody', async () => {
    const { ann: requester } = people();
    const { body } = await apply(requester, { roles: [{ name: 'one_waits' }] });
    expect(body.approval).toBeUndefined();
    const result = await until(async () => {
      const { body: task } = await requester.call('GET', `${SERVER}/tasks/${body.task.task_id}`);
      return task.status === 'completed' ? task : undefined;
    });
    expect(result.result.applied).toEqual([]);
  });

  test('that no policy is about is carried out at once', async () => {
    const { body } = await apply(people().ann, { roles: [{ name: 'free' }] });
    expect(body.approval).toBeUndefined();
    await until(async () => ((await hasRole(stack, 'free')) ? true : undefined));
  });

  test('is refused at once where its plan is not the one that was seen, or may not be carried out', async () => {
    const seen = await apply(people().ann, { roles: [{ name: 'one_seen' }] }, { plan_hash: '0'.repeat(64) });
    expectError(seen, 409, 'plan_changed', /it was 0000.* and is now /);
    const mighty = await apply(people().ann, {
      allow: ['superuser'],
      roles: [{ name: 'one_mighty', superuser: true }],
    });
    expectError(mighty, 403, 'forbidden', /this needs the admin role/);
  });

  test('is the same for the same request under its key, before and after', async () => {
    const { ann: requester, bob: approver } = people();
    const key = { 'Idempotency-Key': randomUUID() };
    const request = () =>
      requester.call('PUT', `${SERVER}/roles/one_again`, { generate_password: true, login: true }, key);
    const [first, again] = [await request(), await request()];
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body.approval.id).toBe(first.body.approval.id);
    expect(again.body.password).toBe(first.body.password);
    await decide(approver, first.body.approval.id);
    await ended(stack, first.body.approval.id);
    const after = await request();
    expect(after.body.approval).toMatchObject({ id: first.body.approval.id, state: 'executed' });
  });
});

describe('single changes wait, too', () => {
  test('a role with a generated password, a membership, a grant and a revoke, a drop', async () => {
    const { ann: requester, bob: approver } = people();
    const put = await requester.call('PUT', `${SERVER}/roles/one_single`, { login: true, generate_password: true });
    expect(put.status).toBe(202);
    await decide(approver, put.body.approval.id);
    expect(await ended(stack, put.body.approval.id)).toMatchObject({ state: 'executed', kind: 'role' });
    // The password that the requester was given is the one that the role has.
    const login = { user: 'one_single', password: put.body.password };
    expect(await stack.target.query('SELECT current_user AS name', login)).toEqual([{ name: 'one_single' }]);

    const member = await requester.call('PUT', `${SERVER}/roles/free/members/one_single`, {});
    const rights = { database: 'postgres', on: { kind: 'schema', names: ['public'] }, privileges: ['USAGE'] };
    const grant = await requester.call('POST', `${SERVER}/grants`, { ...rights, to: ['one_single'] });
    expect([member.status, grant.status]).toEqual([202, 202]);
    for (const { body } of [member, grant]) await decide(approver, body.approval.id);
    expect(await ended(stack, member.body.approval.id)).toMatchObject({ state: 'executed', kind: 'membership' });
    expect(await ended(stack, grant.body.approval.id)).toMatchObject({ state: 'executed', kind: 'grant' });

    const revoke = await requester.call('POST', `${SERVER}/revokes`, { ...rights, from: ['one_single'] });
    const leave = await requester.call('DELETE', `${SERVER}/roles/free/members/one_single`);
    for (const { body } of [revoke, leave]) await decide(approver, body.approval.id);
    expect(await ended(stack, revoke.body.approval.id)).toMatchObject({ state: 'executed', kind: 'revoke' });
    expect(await ended(stack, leave.body.approval.id)).toMatchObject({ state: 'executed', kind: 'membership' });

    const drop = await requester.call('DELETE', `${SERVER}/roles/one_single`, { reassign_owned: true });
    expect(drop.body).toMatchObject({ approval: { kind: 'drop', state: 'pending' } });
    expect(await hasRole(stack, 'one_single')).toBe(true);
    const { body: shown } = await approver.call('GET', `/v1/approvals/${drop.body.approval.id}`);
    expect(shown.plan).toMatchObject({ role: 'one_single', databases: expect.any(Array) });
    await decide(approver, drop.body.approval.id);
    expect(await ended(stack, drop.body.approval.id)).toMatchObject({ state: 'executed' });
    expect(await hasRole(stack, 'one_single')).toBe(false);
  });

  test('a published API that cannot wait says so, and does nothing', async () => {
    const [endpoint] = stack.target.address.endpoints;
    const place = { env: 'shop', db_name: 'postgres', hostname: endpoint?.address, port: endpoint?.port };
    expect((await stack.call('POST', '/api/v1/registry', place)).status).toBe(201);
    await addPolicy(stack, { name: 'users', kinds: ['user'], environments: ['shop'] });
    const { status, body } = await stack.call('POST', '/api/v1/users/devqa', {
      ...{ env: 'shop', database: 'postgres', username: 'held_user' },
    });
    expect(status).toBe(409);
    expect(JSON.stringify(body)).toMatch(/policy .*users.* asks for the approval of one other account/);
    expect(await hasRole(stack, 'held_user')).toBe(false);
  });
});

describe('whose word counts', () => {
  test('nobody approves what they asked for, whatever token they come with', async () => {
    const { id } = await held('one_own');
    const { ann: requester } = people();
    const another = makeToken();
    await insertToken(stack.control.db, { ...another, accountId: requester.account.id, name: 'second' });
    const twin = stack.as({ Authorization: `Bearer ${another.text}` });
    for (const by of [requester, twin]) {
      expectError(await decide(by, id), 403, 'forbidden', /nobody decides about what they asked for themselves/);
    }
    const own = await held('one_boss', people().boss);
    expectError(await decide(people().boss, own.id), 403, 'forbidden', /asked for themselves/);
    expect((await stack.call('GET', `/v1/approvals/${id}`)).body).toMatchObject({ state: 'pending', votes: [] });
  });

  test('who is not named by the policy is told who is; who does not see the server, that there is nothing', async () => {
    const { id, planHash } = await held('one_strange');
    expectError(
      await decide(people().eve, id),
      403,
      'forbidden',
      /lets the role admin and the accounts bob, ann decide/,
    );
    const outsider = await somebody(stack, { role: 'admin', scope: { servers: ['elsewhere'] } });
    const answer = await outsider.call('POST', `/v1/approvals/${id}/approve`, { plan_hash: planHash });
    expectError(answer, 404, 'not_found', /no approval found/);
    expect((await outsider.call('GET', '/v1/approvals')).body).toEqual({ approvals: [] });
  });

  test('two approvers are two accounts', async () => {
    const { id } = await held('two_needed');
    const { bob: first, eve: second } = people();
    expect((await decide(first, id)).body).toMatchObject({ state: 'pending' });
    expectError(await decide(first, id), 409, 'approval_decided', /asks for a second account/);
    expect(await hasRole(stack, 'two_needed')).toBe(false);
    expect((await decide(second, id)).body).toMatchObject({
      state: 'approved',
      state_reason: 'approved by "bob" and "eve"',
    });
    expect(await ended(stack, id)).toMatchObject({ state: 'executed' });
  });

  test('accounts with one e-mail address are one person: no approver of the other’s change, and no second one', async () => {
    const { ann: requester, bob: first, eve: second } = people();
    const mail = async (who: Somebody, email: string | null) => {
      const answer = await stack.call('PATCH', `/v1/accounts/${who.account.id}`, { email });
      expect(answer.status).toBe(200);
    };
    const twin = await somebody(stack, { role: 'admin', name: 'oidc:ann' });
    await stack.control.db.query(`UPDATE accounts SET email = 'Ann@Example.com' WHERE id = $1`, [twin.account.id]);
    const own = await held('one_person');
    await mail(requester, 'ann@example.com');
    expectError(await decide(twin, own.id), 403, 'forbidden', /"ann" has the e-mail address of "oidc:ann"/);
    await mail(requester, null);
    expect((await decide(twin, own.id)).status).toBe(200);
    expect(await ended(stack, own.id)).toMatchObject({ state: 'executed' });
    const { id } = await held('two_people');
    await mail(first, 'bob@example.com');
    await mail(second, 'BOB@example.com');
    expect((await decide(first, id)).body).toMatchObject({ state: 'pending' });
    expectError(await decide(second, id), 409, 'approval_decided', /asks for a second account/);
    await mail(second, 'eve@example.com');
    expect((await decide(second, id)).body).toMatchObject({ state: 'approved' });
    expect(await ended(stack, id)).toMatchObject({ state: 'executed' });
  });

  test('two words at once do not get in each other’s way', async () => {
    const { id } = await held('two_at_once');
    const answers = await Promise.all([decide(people().bob, id), decide(people().eve, id)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await ended(stack, id)).toMatchObject({ state: 'executed', votes: [{}, {}] });
  });

  test('a word about another plan does not count', async () => {
    const { id } = await held('one_other_plan');
    const body = { plan_hash: 'f'.repeat(64) };
    const answer = await people().bob.call('POST', `/v1/approvals/${id}/approve`, body);
    expectError(answer, 409, 'plan_changed', /not ffff/);
    expect((await stack.call('GET', `/v1/approvals/${id}`)).body).toMatchObject({ state: 'pending', votes: [] });
  });

  test('the word of an account that was disabled since does not count', async () => {
    const { id } = await held('one_disabled');
    const gone = await somebody(stack, { role: 'admin' });
    const { id: two } = await held('two_disabled');
    await stack.control.db.query(
      `INSERT INTO approval_votes (task_id, account, verdict, plan_hash)
       SELECT task_id, $2, 'approve', plan_hash FROM approvals WHERE task_id = $1`,
      [two, gone.account.name],
    );
    await stack.control.db.query('UPDATE accounts SET disabled_at = now() WHERE id = $1', [gone.account.id]);
    expect((await decide(people().bob, two)).body).toMatchObject({ state: 'pending' });
    expect((await gone.call('POST', `/v1/approvals/${id}/approve`, { plan_hash: 'f'.repeat(64) })).status).toBe(401);
  });
});

describe('a change that is not approved', () => {
  test('is not carried out when it is rejected, and says why', async () => {
    const { id } = await held('one_rejected');
    expect((await decide(people().bob, id, 'reject', { comment: 'not today' })).status).toBe(200);
    expect(await ended(stack, id)).toMatchObject({
      state: 'rejected',
      task: { status: 'failed', error: 'rejected by "bob": not today' },
    });
    expectError(await decide(people().boss, id), 409, 'approval_decided', /it is rejected already/);
    expect(await hasRole(stack, 'one_rejected')).toBe(false);
  });

  test('is taken back by its requester alone', async () => {
    const { id } = await held('one_cancelled');
    expectError(await people().bob.call('POST', `/v1/approvals/${id}/cancel`, {}), 403, 'forbidden', /only "ann"/);
    expect((await people().ann.call('POST', `/v1/approvals/${id}/cancel`)).body).toMatchObject({ state: 'canceled' });
    expectError(await decide(people().bob, id), 409, 'approval_decided', /it is canceled already/);
    const { workflowId } = await runOf(id);
    await until(async () => ((await describeRun(workflowId)) === 'RUNNING' ? undefined : true));
  });

  test('expires by the timer of its run', async () => {
    const { id } = await held('hasty_one');
    expect(await ended(stack, id)).toMatchObject({ state: 'expired', task: { status: 'failed' } });
    expectError(await decide(people().bob, id), 409, 'approval_decided', /expired/);
    expect(await hasRole(stack, 'hasty_one')).toBe(false);
  });

  test('is void when the world has moved meanwhile', async () => {
    const { id } = await held('one_moved');
    await stack.target.query('CREATE ROLE one_moved LOGIN CONNECTION LIMIT 7');
    await decide(people().bob, id);
    expect(await ended(stack, id)).toMatchObject({
      state: 'void',
      state_reason: expect.stringMatching(/the world has moved/),
      task: { status: 'failed' },
    });
    const drop = await people().ann.call('DELETE', `${SERVER}/roles/one_moved`, { reassign_owned: true });
    await stack.target.query('CREATE TABLE public.of_moved (); ALTER TABLE public.of_moved OWNER TO one_moved');
    await decide(people().bob, drop.body.approval.id);
    expect(await ended(stack, drop.body.approval.id)).toMatchObject({
      state: 'void',
      state_reason: expect.stringMatching(/the world has moved/),
    });
    const [role] = await stack.target.query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = 'one_moved'`);
    expect(role).toEqual({ rolcanlogin: true });
  });
});

async function runOf(taskId: string): Promise<{ workflowId: string }> {
  const sql = 'SELECT workflow_id AS "workflowId" FROM tasks WHERE id = $1';
  const { rows } = await stack.control.db.query<{ workflowId: string }>(sql, [taskId]);
  if (rows[0] === undefined) throw new Error('there is no such task');
  return rows[0];
}

async function describeRun(workflowId: string): Promise<string> {
  return (await stack.temporal.client.workflow.getHandle(workflowId).describe()).status.name;
}

describe('write access to Temporal alone', () => {
  test('approves nothing by telling the run to look', async () => {
    const { id } = await held('one_forged');
    const handle = stack.temporal.client.workflow.getHandle((await runOf(id)).workflowId);
    expect(await handle.executeUpdate('lookAgain', { args: [{ taskId: id }] })).toEqual({ told: 1 });
    const other = handle.executeUpdate('lookAgain', { args: [{ taskId: randomUUID() }] });
    expect(await other.catch(innermostMessage)).toMatch(/this run is that of task/);
    const verdict = handle.executeUpdate('lookAgain', { args: [{ taskId: id, state: 'approved', by: 'bob' }] });
    expect(await verdict).toEqual({ told: 2 });
    expect((await stack.call('GET', `/v1/approvals/${id}`)).body).toMatchObject({ state: 'pending', votes: [] });
    expect(await hasRole(stack, 'one_forged')).toBe(false);
  });

  test.each(['applyRoles', 'heldChange', 'dropRole'])('carries nothing out by starting %s', async (type) => {
    const { id } = await held(`one_started_${type.toLowerCase()}`);
    const options = { workflowId: `forged/${type}/${id}`, taskQueue: CONTROL_TASK_QUEUE, args: [{ taskId: id }] };
    const run = await stack.temporal.client.workflow.start(type, options);
    if (type === 'heldChange') {
      await people().ann.call('POST', `/v1/approvals/${id}/cancel`, {});
      await run.executeUpdate('lookAgain', { args: [{ taskId: id }] }).catch(() => undefined);
      expect(await run.result()).toEqual({ outcome: 'not_approved' });
    } else {
      expect(await run.result().catch(innermostMessage)).toMatch(/waits for approval|closed already/);
    }
    expect(await hasRole(stack, `one_started_${type.toLowerCase()}`)).toBe(false);
  });

  test('a state without the words is no approval', async () => {
    const { id } = await held('two_without_words');
    await decide(people().bob, id);
    // As somebody might who could set the state, but not vote as others.
    await stack.control.db.query(`UPDATE approvals SET state = 'approved', decided_at = now() WHERE task_id = $1`, [
      id,
    ]);
    expect(await ended(stack, id)).toMatchObject({ state: 'rejected' });
    expect(await hasRole(stack, 'two_without_words')).toBe(false);
  });
});

describe('what is lost is made good', () => {
  test('an approval whose run was not told is carried out all the same', async () => {
    const { id } = await held('one_untold');
    await stack.controlWorker.stop();
    const approved = await decide(people().bob, id);
    expect(approved.body).toMatchObject({ state: 'approved' });
    expect(await hasRole(stack, 'one_untold')).toBe(false);
    await stack.restartControlWorker();
    expect(await ended(stack, id)).toMatchObject({ state: 'executed' });
    expect(await hasRole(stack, 'one_untold')).toBe(true);
  });
});

test('a wait that somebody has terminated is closed, and so is its approval', async () => {
  const { id } = await held('one_terminated');
  await stack.temporal.client.workflow.getHandle((await runOf(id)).workflowId).terminate('by hand');
  expect(await ended(stack, id)).toMatchObject({
    state: 'void',
    task: { status: 'failed', error: expect.stringMatching(/its run was terminated: by hand/) },
  });
  expectError(await decide(people().bob, id), 409, 'approval_decided', /it is void already/);
  expect(await hasRole(stack, 'one_terminated')).toBe(false);
});

describe('breaking the glass', () => {
  test('is for those whom the policy names, and on record before anything is done', async () => {
    const refused = await people().bob.call('PUT', `${SERVER}/roles/one_glass`, {}, { 'X-Break-Glass': 'fire' });
    expectError(refused, 403, 'forbidden', /lets the account eve do this without approval/);
    const { status } = await people().eve.call('PUT', `${SERVER}/roles/one_glass`, {}, { 'X-Break-Glass': 'fire' });
    expect(status).toBe(200);
    expect(await hasRole(stack, 'one_glass')).toBe(true);
    const body = await apply(
      people().eve,
      { roles: [{ name: 'one_glass_too' }] },
      { break_glass: { reason: 'more fire' } },
    );
    expect(body.body.approval).toBeUndefined();
    const { body: log } = await stack.call('GET', '/v1/audit?action=approval.break_glass');
    expect(
      log.entries.map((row: { actor: string; detail: object }) => ({ actor: row.actor, detail: row.detail })),
    ).toContainEqual({
      actor: 'eve',
      detail: expect.objectContaining({ policy: 'one', why: 'fire', roles: ['one_glass'] }),
    });
  });
});

test('a database cannot wait: it is made, changed and deleted by those who may break the glass, on every server that it is on', async () => {
  await addPolicy(stack, {
    name: 'databases',
    kinds: ['database'],
    roles: ['db_held_*'],
    break_glass: { accounts: ['gil'], roles: [] },
  });
  const spec = { ...seedRequest({ id: 'held-db', port: 1, user: 'db_held_owner' }).spec, services: [] };
  const request = { id: 'held-db', spec };
  const dora = await somebody(stack, { role: 'operator', name: 'dora' });
  const gil = await somebody(stack, { role: 'operator', name: 'gil' });
  const glass = { 'X-Break-Glass': 'fire' };
  const reason = /policy "databases" asks for the approval of one other account.* cannot wait for it/;
  const ended = async ({
    status,
    body,
  }: {
    status: number;
    body: { task: { database_id: string; task_id: string } };
  }) => {
    expect({ status, body }).toMatchObject({ status: 200 });
    return taskEnded(stack, body.task);
  };
  expectError(await dora.call('POST', '/v1/databases', request), 409, 'approval_required', reason);
  expectError(await dora.call('POST', '/v1/databases', request, glass), 403, 'forbidden', /account gil/);
  expect((await dora.call('POST', '/v1/databases?dry_run=true', request)).status).toBe(200);
  expect((await stack.call('GET', '/v1/databases/held-db')).status).toBe(404);
  expect(await ended(await gil.call('POST', '/v1/databases', request, glass))).toMatchObject({
    status: 'completed',
  });
  // Also where the new specification does not name the role any more.
  const without = { ...spec, database_users: [{ ...spec.database_users[0], username: 'another_owner' }] };
  for (const changed of [spec, without]) {
    const update = await dora.call('POST', '/v1/databases/held-db', { spec: changed });
    expectError(update, 409, 'approval_required', reason);
  }
  expectError(await dora.call('DELETE', '/v1/databases/held-db'), 409, 'approval_required', reason);
  expect(await ended(await gil.call('DELETE', '/v1/databases/held-db', undefined, glass))).toMatchObject({
    status: 'completed',
  });
});

test('lists are filtered and paged', async () => {
  const { ann: requester } = people();
  const list = async (query: string) => {
    const { status, body } = await requester.call('GET', `/v1/approvals?${query}`);
    expect(status).toBe(200);
    return body.approvals as { id: string; state: string; kind: string; plan?: unknown }[];
  };
  const all = await list('sort_order=asc');
  const first = await list('sort_order=asc&limit=3');
  const next = await list(`sort_order=asc&limit=3&after_approval_id=${first[2]?.id}`);
  expect([...first, ...next].map(({ id }) => id)).toEqual(all.slice(0, 6).map(({ id }) => id));
  expect((await list('state=rejected')).every(({ state }) => state === 'rejected')).toBe(true);
  expect((await list('kind=drop')).length).toBe(2);
  expect(await list('server=elsewhere')).toEqual([]);
  expect((await list('requester=boss')).length).toBe(1);
});

test('those who decide hear of what is asked for, decided, expired, and of broken glass', async () => {
  const events = await until(async () => {
    const heard = new Set((await deliveriesOf(stack, channel)).map(({ event }) => event));
    const all = ['requested', 'approved', 'rejected', 'canceled', 'expired', 'break_glass_used'];
    return all.every((event) => heard.has(`approval.${event}`)) ? heard : undefined;
  });
  expect(events.size).toBeGreaterThanOrEqual(6);
});
