/** Databases come and go while roles of the cluster are asked for: whoever asks has nothing to do with them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { databaseRequests } from '../../domain/clusters/flavor-requests.ts';
import { insertRequest, newTaskId } from '../../store/accepted-requests.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const SERVER = 'host-1';

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

/** What a look at the server, which saw this database, asks for. */
async function seeTo(database: string): Promise<{ status: string; error?: string }> {
  const work = {
    groups: undefined,
    databases: [{ name: database, install: { cover: false, guard: false }, connect: true }],
  };
  const [request] = databaseRequests(work);
  if (request === undefined) throw new Error('there is no request for the database');
  const taskId = newTaskId();
  await insertRequest(stack.control.db, {
    ...{ taskId, serverName: SERVER, type: 'change_role', requestHash: '', planHash: null, secrets: [] },
    ...{ document: request.document, options: request.options },
    audit: { actor: 'test', detail: request.detail },
  });
  return until(async () => {
    const { body } = await stack.call('GET', `/v1/servers/${SERVER}/tasks/${taskId}?wait=20`);
    return ['completed', 'failed'].includes(body.status) ? body : undefined;
  }, 90_000);
}

test('a database that was dropped since it was seen needs nothing for flavors', async () => {
  expect(await seeTo('gone_since')).toMatchObject({ status: 'completed' });
});

test('nor does one that is closed because it is about to be dropped, and it keeps nobody from a role', async () => {
  await stack.target.query('CREATE DATABASE about_to_go');
  await stack.target.query('ALTER DATABASE about_to_go WITH ALLOW_CONNECTIONS false');
  expect(await seeTo('about_to_go')).toMatchObject({ status: 'completed' });
});
