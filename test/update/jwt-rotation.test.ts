import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectError, expectProblems } from '../api/support/answers.ts';
import { holders } from '../e2e/support/canary.ts';
import { rest, signToken } from '../e2e/support/rest.ts';
import { storedRuns } from '../e2e/support/temporal.ts';
import { provision } from '../e2e/support/tenants.ts';
import { createFaults } from '../faults/support/faults.ts';
import { taskEnded, until } from '../support/follow.ts';
import { startTestStack, type TestStack, testRuntimes } from '../support/stack.ts';
import { startProbe } from './support/probe.ts';
import { instanceOf, JWT_SECRET, rolesOf, shopService, shopSpec, shopToken, updated } from './support/shop.ts';

const faults = createFaults();
const id = 'shop';
const PATH = `/v1/databases/${id}/services/api/jwt-rotation`;
let stack: TestStack;
/** The secret that tokens are signed with now. */
let secret = JWT_SECRET;
/** Every secret that was made here. */
const everMade: string[] = [];

beforeAll(async () => {
  const [runtime = 'process'] = testRuntimes();
  stack = await startTestStack({
    runtime,
    controlInterceptors: faults.interceptors,
    hostInterceptors: faults.interceptors,
  });
  await provision(stack, { id, spec: shopSpec(id, stack.port(0)) } as { id: string });
});
afterAll(() => stack?.stop());

const tokenOf = (key: string) =>
  signToken({ role: rolesOf(id).owner, exp: Math.floor(Date.now() / 1000) + 3_600 }, key);
const statusWith = async (key: string) => (await rest(stack.port(0), '/items', { token: tokenOf(key) })).status;
const rotate = (body?: object, headers: Record<string, string> = {}) => stack.call('POST', PATH, body, headers);

/** Waits until the newest rotation has that state. */
const rotationIs = (state: string) =>
  until(async () => {
    const { body } = await stack.call('GET', PATH);
    return body.state === state ? body : undefined;
  }, 60_000);

async function accepted(body?: object, headers?: Record<string, string>) {
  const answer = await rotate(body, headers);
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 202 });
  const { jwt_secret: made } = answer.body;
  if (typeof made === 'string') everMade.push(made);
  return answer.body;
}

test('a new key counts beside the former one until the grace is over, then alone; no request fails', async () => {
  const former = secret;
  const before = await instanceOf(stack, id);
  const key = { 'Idempotency-Key': randomUUID() };
  const probes = [startProbe({ port: stack.port(0), table: 'items', token: tokenOf(former) })];
  const { task, rotation, jwt_secret: made } = await accepted({ grace_seconds: 3_000 }, key);
  expect(made).toMatch(/^[A-Za-z0-9_-]{64}$/);
  expect((await taskEnded(stack, task)).status).toBe('completed');
  await rotationIs('overlap');
  probes.push(startProbe({ port: stack.port(0), table: 'items', token: tokenOf(made) }));
  expect([await statusWith(former), await statusWith(made)]).toEqual([200, 200]);
  // The same request once more is the same rotation, and shows the same secret.
  const again = await accepted({ grace_seconds: 3_000 }, key);
  expect([again.rotation.id, again.jwt_secret]).toEqual([rotation.id, made]);
  expectError(
    await rotate({}),
    409,
    'operation_already_in_progress',
    /rotation of the key .* is under way \(overlap; both keys/,
  );

  // Nobody uses the former key any more; the timer is that of the row, which is moved as if the time had come.
  const report = await probes[0]?.stop();
  expect(report?.failures).toEqual([]);
  expect(report?.requests).toBeGreaterThan(10);
  await endOfGrace();
  const done = await rotationIs('completed');
  expect(done.closing_task_id).toBeDefined();
  const after = await probes[1]?.stop();
  expect(after?.failures).toEqual([]);
  expect([await statusWith(former), await statusWith(made)]).toEqual([401, 200]);
  // In place: it is the same unit all the time.
  expect((await instanceOf(stack, id)).status.container_id).toBe(before.status.container_id);
  secret = made;
});

/** Lets the grace be over: its row says so, and a new run of the rotation looks at it, as after a loss of the first one. */
async function endOfGrace(): Promise<void> {
  const { body } = await stack.call('GET', PATH);
  await stack.control.db.query('UPDATE jwt_rotations SET grace_ends_at = now() WHERE id = $1', [body.id]);
  await stack.temporal.client.workflow.getHandle(`rotate-jwt/${id}/${body.id}`).terminate();
}

test('the grace ends by the timer of its run, also when the worker was away at that moment', async () => {
  const former = secret;
  const { jwt_secret: made, task } = await accepted({ grace_seconds: 5 });
  expect((await taskEnded(stack, task)).status).toBe('completed');
  await stack.controlWorker.stop();
  const both = [await statusWith(former), await statusWith(made)];
  // Nobody is there who could end it: unless the machine was so slow that it had begun to end, both count.
  if ((await stack.call('GET', PATH)).body.closing_task_id === undefined) expect(both).toEqual([200, 200]);
  await stack.restartControlWorker(faults.interceptors);
  await rotationIs('completed');
  expect([await statusWith(former), await statusWith(made)]).toEqual([401, 200]);
  secret = made;
});

test('a crash while services learn the key leaves a rotation that is seen to its end', async () => {
  const former = secret;
  const held = faults.hold({ subject: id, activity: 'changeService', when: 'before' });
  const { jwt_secret: made, task } = await accepted({ grace_seconds: 0 });
  await held.reached;
  const stopped = stack.controlWorker.stop();
  held.release();
  await stopped;
  await stack.restartControlWorker(faults.interceptors);
  expect((await taskEnded(stack, task)).status).toBe('completed');
  await rotationIs('completed');
  expect([await statusWith(former), await statusWith(made)]).toEqual([401, 200]);
  secret = made;
});

test('one that services cannot learn is taken back, and the former key goes on alone', async () => {
  const failure = { type: 'ServiceNotReady', message: 'no usable answer', retryable: false } as const;
  faults.fail({ subject: id, activity: 'changeService', when: 'after' }, failure);
  const { jwt_secret: made, task } = await accepted({ grace_seconds: 60 });
  expect((await taskEnded(stack, task)).status).toBe('failed');
  expect(await rotationIs('failed')).toMatchObject({ reason: expect.stringMatching(/no usable answer/) });
  expect([await statusWith(secret), await statusWith(made)]).toEqual([200, 401]);
});

test('a key of one’s own is taken as a secret, and public ones as JWK or PEM; what is none is refused', async () => {
  const own = 'a-key-of-my-own-with-at-least-32-characters';
  const { jwt_secret: shown } = await accepted({ grace_seconds: 0, key: own });
  expect(shown).toBeUndefined();
  await rotationIs('completed');
  expect([await statusWith(secret), await statusWith(own)]).toEqual([401, 200]);
  secret = own;

  const { generateKeyPair, exportSPKI, exportJWK, SignJWT } = await import('jose');
  for (const alg of ['RS256', 'ES256']) {
    const pair = await generateKeyPair(alg, { extractable: true });
    const token = await new SignJWT({ role: rolesOf(id).owner })
      .setProtectedHeader({ alg, kid: 'any' })
      .sign(pair.privateKey);
    const key = alg === 'RS256' ? await exportSPKI(pair.publicKey) : await exportJWK(pair.publicKey);
    const { task } = await accepted({ grace_seconds: 3_000, key });
    expect((await taskEnded(stack, task)).status).toBe('completed');
    await rotationIs('overlap');
    expect((await rest(stack.port(0), '/items', { token })).status).toBe(200);
    expect(await statusWith(secret)).toBe(alg === 'RS256' ? 200 : 401);
    await endOfGrace();
    await rotationIs('completed');
    expect((await rest(stack.port(0), '/items', { token })).status).toBe(200);
    expect(await statusWith(secret)).toBe(401);
    const wrong = await rotate({ key: await exportJWK(pair.privateKey) });
    expectProblems(wrong, /^key: is a private key/);
  }
  expectProblems(await rotate({ key: 'short' }), /^key: must be at least 32 characters/);
  expectProblems(
    await rotate({ key: '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----' }),
    /^key: must be a public key/,
  );
});

test('an update that sets another secret meanwhile is what counts', async () => {
  const { task } = await accepted({ grace_seconds: 3_000 });
  expect((await taskEnded(stack, task)).status).toBe('completed');
  await rotationIs('overlap');
  await updated(stack, id, shopSpec(id, stack.port(0), { services: [shopService(id, stack.port(0))] }));
  await endOfGrace();
  await rotationIs('superseded');
  expect((await rest(stack.port(0), '/items', { token: shopToken(id) })).status).toBe(200);
});

test('is refused where there is nothing to rotate', async () => {
  expectError(await stack.call('POST', '/v1/databases/nowhere/services/api/jwt-rotation'), 404, 'not_found');
  const path = `/v1/databases/${id}/services/other/jwt-rotation`;
  expectError(await stack.call('POST', path), 404, 'not_found', /no service "other"/);
  expectError(await stack.call('GET', path), 404, 'not_found', /no service "other"/);
  const without = { ...shopService(id, stack.port(0)), config: { db_pool: 2 } };
  await updated(stack, id, shopSpec(id, stack.port(0), { services: [without] }));
  expectError(await rotate({}), 409, 'database_not_modifiable', /has no key to rotate/);
});

test('no key is in the runs of Temporal, in the log or in the audit log', async () => {
  const table = async (name: string) => JSON.stringify((await stack.control.db.query(`SELECT * FROM ${name}`)).rows);
  const runs = [...(await storedRuns(stack))].flatMap(([workflowId, run]) =>
    Object.entries(run).map(([part, bytes]): [string, Uint8Array] => [`${part} of ${workflowId}`, bytes]),
  );
  const places = {
    ...Object.fromEntries(runs),
    log: await stack.log(),
    audit: await table('audit_log'),
    rotations: await table('jwt_rotations'),
    answers: await table('idempotency_keys'),
    tasks: await table('task_log'),
  };
  expect(everMade.length).toBeGreaterThan(3);
  expect(runs.some(([place]) => place.includes('rotate-jwt'))).toBe(true);
  expect(holders(places, everMade)).toEqual([]);
});
