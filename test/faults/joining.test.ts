/** Hosts join with named tokens (R12): for so many hosts, until a time, until they are revoked; and a host without a use is forgotten. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../platform/config/read-config.ts';
import { joinKeyOf } from '../../platform/secrets/join-token.ts';
import { findHost } from '../../store/hosts.ts';
import { type RunningHostWorker, startHostWorker } from '../../worker/host-worker.ts';
import { create, remove } from '../support/follow.ts';
import { seedRequest } from '../support/specs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
const running: RunningHostWorker[] = [];

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
});
afterEach(async () => {
  for (const worker of running.splice(0)) await worker.stop();
});
afterAll(() => stack?.stop());

async function makeToken(body: Record<string, unknown> = {}): Promise<{ id: string; secret: string }> {
  const { status, body: made } = await stack.call('POST', '/v1/hosts/join-tokens', { name: 'rack 7', ...body });
  expect(status, JSON.stringify(made)).toBe(201);
  return { id: made.token.id, secret: made.secret };
}

/** A worker of another host of the same installation, which has this token alone. @param as directory of its key */
async function startHost(hostId: string, secret: string, as = hostId): Promise<RunningHostWorker> {
  const file = join(stack.config.home, `token-of-${hostId}`);
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  const { config } = readConfig({
    PGSTEWARD_HOME: stack.config.home,
    PGSTEWARD_HOST_ID: hostId,
    PGSTEWARD_HOST_DATA_DIR: join(stack.config.home, 'hosts', as),
    PGSTEWARD_HOST_SERVER: 'host-1',
    PGSTEWARD_JOIN_TOKEN_FILE: file,
    PGSTEWARD_RUNTIME: 'process',
    PGSTEWARD_PORT_RANGE: `${stack.config.portRange.first}-${stack.config.portRange.last}`,
  });
  const { temporal, api } = stack;
  const worker = await startHostWorker({ config, temporal, log: api.log, stopServicesAtEnd: true });
  running.push(worker);
  return worker;
}

async function stop(worker: RunningHostWorker): Promise<void> {
  running.splice(running.indexOf(worker), 1);
  await worker.stop();
}

const tokens = async (): Promise<{ id: string; state: string; hosts: string[] }[]> =>
  (await stack.call('GET', '/v1/hosts/join-tokens')).body.tokens;

describe('a named token', () => {
  test('admits a host, which serves what is sealed for it, and no second one', async () => {
    const { id, secret } = await makeToken();
    await startHost('named-1', secret);
    const found = await findHost(stack.control.db, 'named-1');
    expect(found?.joinTokenId).toBe(id);
    const request = seedRequest({ id: 'on-named', port: stack.port(0), user: 'on_named_app' });
    for (const part of [...request.spec.nodes, ...request.spec.services]) part.host_ids = ['named-1'];
    expect(await create(stack, request)).toMatchObject({ status: 'completed' });
    expect((await fetch(`http://127.0.0.1:${stack.port(0)}/`)).status).toBe(200);
    await expect(startHost('named-2', secret)).rejects.toMatchObject({
      type: 'JoinRefused',
      message: 'host named-2 may not join: its join token "rack 7" has admitted named-1, and no more hosts may use it',
    });
    expect((await tokens()).find((token) => token.id === id)).toMatchObject({ state: 'used', hosts: ['named-1'] });

    // A database is in the way of forgetting the host, and so is its live worker.
    expect(await stack.call('DELETE', '/v1/hosts/named-1')).toMatchObject({
      status: 409,
      body: { name: 'host_in_use', message: expect.stringContaining('stop it first') },
    });
    for (const worker of [...running]) await stop(worker);
    expect(await stack.call('DELETE', '/v1/hosts/named-1')).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('it is named by on-named; delete or change') },
    });
    await startHost('named-1', secret);
    expect(await remove(stack, 'on-named')).toMatchObject({ status: 'completed' });
  });

  test('that is revoked or has expired admits nobody, and the host that joined with it goes on, also when it starts again', async () => {
    const { id, secret } = await makeToken({ max_hosts: null });
    await stop(await startHost('going-on', secret));
    expect((await stack.call('DELETE', `/v1/hosts/join-tokens/${id}`)).body).toMatchObject({ state: 'revoked' });
    await expect(startHost('too-late', secret)).rejects.toMatchObject({
      type: 'JoinRefused',
      message: 'host too-late may not join: its join token "rack 7" was revoked',
    });
    // The same id with another key is another machine.
    await expect(startHost('going-on', secret, 'another-machine')).rejects.toMatchObject({ type: 'JoinRefused' });
    await stop(await startHost('going-on', secret));

    const expiring = await makeToken();
    await stack.control.db.query(`UPDATE join_tokens SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      expiring.id,
    ]);
    await expect(startHost('too-late', expiring.secret)).rejects.toMatchObject({
      message: expect.stringMatching(/^host too-late may not join: its join token "rack 7" expired at /),
    });
  });

  test('for one host admits one of two that join at the same time', async () => {
    const { secret } = await makeToken();
    const results = await Promise.allSettled([startHost('race-1', secret), startHost('race-2', secret)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('does not give a host id to another machine than the one that has it', async () => {
    const { secret } = await makeToken();
    await stack.hostWorker.stop();
    await expect(startHost('host-1', secret, 'impostor')).rejects.toMatchObject({
      message: expect.stringContaining('a host of that id joined with another token and another key'),
    });
    await stack.restartHostWorker();
  });

  test('that was made up, or whose secret is another one, is refused like any wrong token', async () => {
    const { secret } = await makeToken();
    const [unknown, guessed] = [`pgsj_${'0'.repeat(32)}_${'x'.repeat(43)}`, `${secret.slice(0, -43)}${'x'.repeat(43)}`];
    for (const text of [unknown, guessed]) {
      await expect(startHost('guesser', text)).rejects.toMatchObject({
        message: 'host guesser may not join: its join token is not the one of this control plane',
      });
    }
  });

  test('is in no list, no table, no log and no history; neither is what proofs are made with', async () => {
    const key = crypto.randomUUID();
    const body = JSON.stringify({ name: 'told once', max_hosts: 3 });
    const headers = { 'content-type': 'application/json', 'Idempotency-Key': key };
    const ask = () => stack.request('/v1/hosts/join-tokens', { method: 'POST', headers, body });
    const first = (await (await ask()).json()) as { secret: string };
    // The same request again gets the same one: nobody has two tokens because an answer was lost.
    expect(await (await ask()).json()).toEqual(first);
    await stop(await startHost('quiet', first.secret));
    const dump = await Promise.all(
      ['join_tokens', 'hosts', 'secrets', 'audit_log', 'idempotency_keys'].map(async (table) => {
        const { rows } = await stack.control.db.query(`SELECT t::text AS text FROM ${table} t`);
        return rows.map(({ text }) => text).join('\n');
      }),
    );
    const everywhere = [...dump, JSON.stringify(await tokens()), await stack.log()].join('\n');
    for (const secret of [first.secret, joinKeyOf(first.secret).key]) expect(everywhere).not.toContain(secret);
  });
});

describe('a host that nothing is on', () => {
  test('is forgotten, and joins again only with a token that admits it', async () => {
    const { id, secret } = await makeToken();
    await stop(await startHost('leaving', secret));
    expect(await stack.call('DELETE', '/v1/hosts/leaving')).toMatchObject({ status: 200, body: { id: 'leaving' } });
    expect((await stack.call('GET', '/v1/hosts/leaving')).status).toBe(404);
    expect((await stack.call('DELETE', '/v1/hosts/leaving')).status).toBe(404);
    await stack.call('DELETE', `/v1/hosts/join-tokens/${id}`);
    await expect(startHost('leaving', secret)).rejects.toMatchObject({ type: 'JoinRefused' });
  });

  test('with removals that wait for it is forgotten only by force', async () => {
    const { secret } = await makeToken();
    await stop(await startHost('waiting', secret));
    await stack.control.db.query(
      `INSERT INTO tombstones (host_id, instance_id, database_id, task_id, epoch)
       VALUES ('waiting', 'x', 'x', gen_random_uuid(), 1)`,
    );
    expect(await stack.call('DELETE', '/v1/hosts/waiting')).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('1 removals of services wait for it') },
    });
    expect((await stack.call('DELETE', '/v1/hosts/waiting?force=true')).status).toBe(200);
  });
});
