import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../../domain/authority/scope.ts';
import { insertTask } from '../../../store/tasks.ts';
import { makePerson } from '../../support/accounts.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { expectError } from '../support/answers.ts';
import { changesNothing } from '../support/records.ts';
import { bareRequest } from '../support/requests.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  // The host has joined; what is accepted from now on stays as it is.
  await stack.controlWorker.stop();
  for (const id of ['mine', 'theirs', 'also-mine']) {
    expect((await stack.call('POST', '/v1/databases', bareRequest(id))).status).toBe(200);
  }
});
afterAll(() => stack?.stop());

const as = async (scope: Scope, role: 'admin' | 'operator' = 'operator') =>
  stack.as((await makePerson(stack, { role, scope })).credentials);

describe('a list shows what is within the scope and nothing else:', () => {
  const ids = (list: { id: string }[]) => list.map(({ id }) => id);

  test('databases, page by page', async () => {
    const { call } = await as({ databases: ['mine', 'also-mine', 'unheard-of'] });
    expect(ids((await call('GET', '/v1/databases')).body.databases)).toEqual(['also-mine', 'mine']);
    const page = await call('GET', '/v1/databases?limit=1&after_database_id=also-mine');
    expect(ids(page.body.databases)).toEqual(['mine']);
    expect((await (await as({})).call('GET', '/v1/databases')).body.databases).toEqual([]);
  });

  test('servers', async () => {
    const names = async (scope: Scope) =>
      (await (await as(scope)).call('GET', '/v1/servers')).body.servers.map(({ name }: { name: string }) => name);
    expect(await names({ servers: ['host-1'] })).toEqual(['host-1']);
    expect(await names({ servers: ['other'] })).toEqual([]);
    expect(await names({ databases: ['host-1'] })).toEqual([]);
  });

  test('tasks of databases and servers, and none of hosts', async () => {
    const base = { type: 'create', epoch: 1, workflowType: 'none', workflowKind: 'test', actor: 'test' } as const;
    await insertTask(stack.control.db, { ...base, scope: 'host', entityId: 'host-1' });
    await insertTask(stack.control.db, { ...base, scope: 'server', entityId: 'host-1', type: 'drop_role' });
    await insertTask(stack.control.db, { ...base, scope: 'server', entityId: 'other', type: 'drop_role' });
    const { call } = await as({ databases: ['mine'], servers: ['host-1'] });
    const entities = async (query: string) =>
      (await call('GET', `/v1/tasks${query}`)).body.tasks.map(
        (task: { scope: string; entity_id: string }) => `${task.scope} ${task.entity_id}`,
      );
    expect(await entities('')).toEqual(['database mine']);
    expect(await entities('?scope=database')).toEqual(['database mine']);
    expect(await entities('?scope=database&entity_id=theirs')).toEqual([]);
    expect(await entities('?scope=server')).toEqual(['server host-1']);
    expect(await entities('?scope=server&entity_id=other')).toEqual([]);
    expect(await entities('?scope=host')).toEqual([]);
  });
});

describe('with a scope a database', () => {
  test('is made under an id that the scope names, and under no other', async () => {
    const { call } = await as({ databases: ['new-one', 'theirs-too'] });
    const { id: _, ...nameless } = bareRequest('nameless');
    for (const body of [bareRequest('foreign'), bareRequest('theirs'), nameless]) {
      for (const query of ['', '?dry_run=true']) {
        const answer = await changesNothing(stack, () => call('POST', `/v1/databases${query}`, body));
        expectError(answer, 403, 'forbidden', /^id: /);
      }
    }
    expect((await call('POST', '/v1/databases', bareRequest('new-one'))).status).toBe(200);
  });

  test('is made on hosts whose server the scope names, where it names any; others are as if they were not there', async () => {
    const { call } = await as({ databases: ['placed'], servers: ['elsewhere'] });
    const request = bareRequest('placed');
    const unknown = structuredClone(request);
    for (const node of unknown.spec.nodes) node.host_ids = ['host-9'];
    const [foreign, missing] = [
      await changesNothing(stack, () => call('POST', '/v1/databases', request)),
      await changesNothing(stack, () => call('POST', '/v1/databases', unknown)),
    ];
    expect(foreign.status).toBe(400);
    expect(foreign.body.message.replaceAll('host-1', 'host-9')).toBe(missing.body.message);
    const near = await as({ databases: ['placed'], servers: ['host-1'] });
    expect((await near.call('POST', '/v1/databases', request)).status).toBe(200);
  });

  test('stays on the hosts that it is on, whatever servers the scope names', async () => {
    const { call } = await as({ databases: ['mine'], servers: ['elsewhere'] });
    const { spec } = bareRequest('mine');
    // It is being made: all that comes before is well.
    expectError(await call('POST', '/v1/databases/mine', { spec }), 409, 'database_not_modifiable');
  });

  test('is not told whose the name is that it cannot have', async () => {
    const request = bareRequest('wanted', { databaseName: 'theirs', user: 'wanted_app' });
    const message = async (calls: Pick<TestStack, 'call'>) =>
      (await changesNothing(stack, () => calls.call('POST', '/v1/databases', request))).body.message;
    expect(await message(await as({ databases: ['wanted'] }))).toMatch(
      /is taken on server host-1 by another database$/,
    );
    expect(await message(stack)).toMatch(/by database "theirs"$/);
  });

  test('gets what needs the admin role only from an administrator whose scope has the server, too', async () => {
    const request = bareRequest('privileged');
    const body = {
      ...request,
      spec: {
        ...request.spec,
        scripts: { post_init: ['SELECT 1'] },
        database_users: [...request.spec.database_users, { username: 'privileged_maker', attributes: ['CREATEDB'] }],
      },
    };
    const narrow = await as({ databases: ['privileged'] }, 'admin');
    const refused = await changesNothing(stack, () => narrow.call('POST', '/v1/databases', body));
    expect(refused.body.message.split('\n')).toEqual([
      'database_users[1].attributes[0]: CREATEDB needs the admin role',
      'scripts.post_init: needs the admin role: it runs as the administrator of the server',
    ]);
    const wide = await as({ databases: ['privileged'], servers: ['host-1'] }, 'admin');
    expect((await wide.call('POST', '/v1/databases', body)).status).toBe(200);
  });
});
