/** Contract, section 1: the rows of hosts, version and cluster. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../api/support/answers.ts';
import { changesNothing } from '../api/support/records.ts';
import { makePerson } from '../support/accounts.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectMembers, expectOk, expectPlainValues, expectSchemaError } from './support/answers.ts';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterAll(() => stack?.stop());

const get = (path: string, headers?: Record<string, string>) => stack.call('GET', path, undefined, headers);

test('GET /v1/hosts: every host with its required members and its state', async () => {
  const { hosts, ...rest } = expectOk(await get('/v1/hosts'));
  expect([rest, hosts.length]).toEqual([{}, 1]);
  expectMembers('host', hosts[0]);
  expectPlainValues(hosts);
  expect(hosts[0]).toMatchObject({ id: 'host-1', orchestrator: 'swarm', status: { state: 'healthy' } });
  expect(hosts[0].status.components).toBeTypeOf('object');
  expect(hosts[0].memory).toMatch(/^\d+GB$/);
});

test('GET /v1/hosts/{host_id}: one host', async () => {
  const host = expectOk(await get('/v1/hosts/host-1'));
  expectMembers('host', host);
  expect(host.client_addresses).toEqual(['127.0.0.1']);
});

test('GET /v1/hosts/{host_id}: an unknown host is 404 not_found', async () => {
  expectError(await get('/v1/hosts/unheard-of'), 404, 'not_found', 'no host found with the given ID');
});

test('GET /v1/hosts/{host_id}: a malformed id is 400 invalid_input', async () => {
  expectError(await get('/v1/hosts/Not_An_Id'), 400, 'invalid_input', /^host_id: /);
});

test('GET /v1/version: every member is there', async () => {
  const version = expectOk(await get('/v1/version'));
  expectMembers('version', version);
  expect(Object.keys(version).sort()).toEqual(['arch', 'revision', 'revision_time', 'version']);
});

test('GET /v1/openapi.json: is served, and GET / links to it', async () => {
  const { paths } = expectOk(await get('/v1/openapi.json'));
  expect(Object.keys(paths).length).toBeGreaterThan(20);
  expect((await get('/')).headers.get('link')).toContain('/v1/openapi.json');
});

test('GET /v1/cluster: id, state and hosts', async () => {
  const cluster = expectOk(await get('/v1/cluster'));
  expectMembers('cluster', cluster);
  expectPlainValues(cluster);
  expect(cluster).toMatchObject({ id: stack.control.installationId, status: { state: 'available' } });
  expect(cluster.hosts).toHaveLength(1);
  expectMembers('host', cluster.hosts[0]);
});

test.each(['', '?cluster_id=other'])('GET /v1/cluster/init%s: is 409 cluster_already_initialized', async (query) => {
  const answer = await changesNothing(stack, () => get(`/v1/cluster/init${query}`));
  expectError(answer, 409, 'cluster_already_initialized');
});

test('GET /v1/cluster/init: a malformed cluster_id is 400', async () => {
  expectSchemaError(await get('/v1/cluster/init?cluster_id=%00'), 'invalid_format');
});

describe('GET /v1/cluster/join-token', () => {
  const reveals = async () =>
    (
      await stack.control.db.query(
        `SELECT actor, action, request_id, detail FROM audit_log WHERE kind = 'reveal' ORDER BY id`,
      )
    ).rows;

  test('join-token: the token that host workers join with, kept by no cache, and audited as a reveal', async () => {
    const before = (await reveals()).length;
    const answer = await get('/v1/cluster/join-token', { Host: 'localhost:3000', 'X-Request-Id': 'reveal-0001' });
    const body = expectOk(answer);
    expectMembers('joinToken', body);
    expect(body).toEqual({ token: stack.control.joinToken, server_urls: ['http://localhost:3000'] });
    expect((await reveals()).slice(before)).toEqual([
      { actor: 'admin', action: 'cluster.join-token', request_id: 'reveal-0001', detail: {} },
    ]);
    expect(await stack.log()).not.toContain(stack.control.joinToken);
  });

  test('join-token: neither HEAD nor a prefetch reveals it', async () => {
    const before = await reveals();
    const head = await stack.request('/v1/cluster/join-token', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const method of ['GET', 'HEAD']) {
      const prefetch = await stack.request('/v1/cluster/join-token', {
        method,
        headers: { 'Sec-Purpose': 'prefetch' },
      });
      expect([prefetch.status, await prefetch.text()]).toEqual([
        403,
        expect.not.stringContaining(stack.control.joinToken),
      ]);
    }
    expect(await reveals()).toEqual(before);
  });

  test('join-token: a web page of another origin does not get it', async () => {
    const answer = await stack
      .as({})
      .call('GET', '/v1/cluster/join-token', undefined, { Origin: 'https://evil.example' });
    expectError(answer, 401, 'unauthorized');
  });
});

test('a caller who is no administrator gets no join token', async () => {
  for (const role of ['operator', 'auditor', 'member'] as const) {
    const { credentials } = await makePerson(stack, { role });
    const answer = await changesNothing(stack, () => stack.as(credentials).call('GET', '/v1/cluster/join-token'));
    expectError(answer, 403, 'forbidden');
    expect(JSON.stringify(answer)).not.toContain(stack.control.joinToken);
  }
});
