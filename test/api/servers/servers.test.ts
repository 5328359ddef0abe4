import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TargetAddress } from '../../../platform/target/target-server.ts';
import { makePerson } from '../../support/accounts.ts';
import { freePort } from '../../support/ports.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { startServerOf, type VersionedServer } from '../../support/versions.ts';
import { changesNothing } from '../support/records.ts';

let stack: TestStack;
let first: VersionedServer;
let second: VersionedServer;

beforeAll(async () => {
  [stack, first, second] = await Promise.all([
    startTestStack({ runtime: 'process', workers: false }),
    startServerOf(18),
    startServerOf(18),
  ]);
});
afterAll(async () => {
  await Promise.all([stack.stop(), first.stop(), second.stop()]);
});

/** A registration in the words of the API. */
function registration(name: string, address: TargetAddress, change: Record<string, unknown> = {}) {
  const { mode, caCertificate } = address.tls;
  return {
    name,
    endpoints: address.endpoints,
    tls: { mode, ...(caCertificate === undefined ? {} : { ca_certificate: caCertificate }) },
    admin: { user: address.adminUser, password: address.adminPassword },
    ...change,
  };
}

/** The same as a change, which has no name; without a password unless given. */
function changeOf(address: TargetAddress, change: Record<string, unknown> = {}) {
  const { name: _name, admin, ...rest } = registration('any', address);
  return { ...rest, admin: { user: admin.user }, ...change };
}

const post = (body: unknown, headers?: Record<string, string>) => stack.call('POST', '/v1/servers', body, headers);
const auditOf = async (resource: string) =>
  (
    await stack.control.db.query<{ line: string }>(
      `SELECT kind || ' ' || actor || ' ' || action || coalesce(' ' || outcome, '') AS line FROM audit_log
       WHERE resource = $1 ORDER BY id`,
      [resource],
    )
  ).rows.map(({ line }) => line);

describe('the server that an installation brings along', () => {
  test('is there without being asked for, and its registration is in the audit log', async () => {
    const { status, body } = await stack.call('GET', '/v1/servers');
    expect(status).toBe(200);
    expect(body.servers.map(({ name }: { name: string }) => name)).toEqual(['host-1']);
    expect(await auditOf('server/host-1')).toEqual([
      'intent start-up server.register',
      'outcome start-up server.register completed',
    ]);
  });

  test('cannot be deleted, and the answer names what uses it', async () => {
    const answer = await changesNothing(stack, () => stack.call('DELETE', '/v1/servers/host-1'));
    expect(answer).toMatchObject({ status: 409, body: { name: 'server_in_use' } });
    expect(answer.body.message).toMatch(/host host-1/);
  });
});

describe('a server', () => {
  test('is registered, shown, found by its labels and probed, and its password is nowhere', async () => {
    const labels = { environment: 'prod', team: 'a=b' };
    const created = await post(registration('first', first.limited, { labels }));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      name: 'first',
      maintenance_database: 'postgres',
      admin: { user: 'limited_admin' },
      labels,
      settings: { allow_plain_text_passwords: false },
      postgres_version: expect.stringMatching(/^18\.\d+$/),
      system_identifier: expect.stringMatching(/^\d+$/),
    });
    const shown = await stack.call('GET', '/v1/servers/first');
    expect(shown.body).toEqual(created.body);
    const names = async (query: string) =>
      (await stack.call('GET', `/v1/servers?${query}`)).body.servers.map(({ name }: { name: string }) => name);
    expect(await names('label=environment=prod')).toEqual(['first']);
    expect(await names('label=environment=prod&label=team=a=b')).toEqual(['first']);
    expect(await names('label=environment=prod&label=team=c')).toEqual([]);
    const probed = await stack.call('POST', '/v1/servers/first/probe');
    expect(probed.status).toBe(200);
    expect(probed.body).toMatchObject({
      endpoints: [{ role: 'primary' }],
      admin: { superuser: false, createrole: true },
      limits: { max_connections: expect.any(Number), control_plane: 4 },
      passwords: { checks: [], checks_known: false },
    });
    expect(probed.body.missing_rights).toContainEqual({
      right: 'SELECT on pg_authid',
      required: false,
      needed_for: expect.any(String),
      statement: 'GRANT SELECT ON pg_catalog.pg_authid TO "limited_admin";',
    });
    expect(await auditOf('server/first')).toEqual([
      'intent admin server.register',
      'outcome admin server.register completed',
    ]);
    const { rows } = await stack.control.db.query(
      'SELECT to_jsonb(a)::text FROM audit_log a UNION ALL SELECT to_jsonb(s)::text FROM servers s',
    );
    const everything = JSON.stringify([
      created.body,
      shown.body,
      probed.body,
      rows,
      await stack.log(),
      await first.log(),
    ]);
    // Beside the statement with which the test server itself was made.
    expect(everything.replaceAll(/CREATE ROLE limited_admin [^;]*/g, '')).not.toContain(first.limited.adminPassword);
  });

  test('is registered once for a repeated request with the same key', async () => {
    const key = { 'Idempotency-Key': 'register-second' };
    const body = registration('second', second.address);
    const answers = [await post(body, key), await post(body, key)];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[1]?.body).toEqual(answers[0]?.body);
    expect((await post(registration('third', second.address), key)).body.name).toBe('idempotency_conflict');
    expect((await stack.call('DELETE', '/v1/servers/second')).status).toBe(200);
  });

  test('keeps its name and its cluster to itself', async () => {
    const again = await changesNothing(stack, () => post(registration('first', second.address)));
    expect(again).toMatchObject({ status: 409, body: { name: 'server_already_exists' } });
    const renamed = await changesNothing(stack, () => post(registration('renamed', first.address)));
    expect(renamed.status).toBe(409);
    expect(renamed.body.message).toMatch(/as server "first"/);
  });

  test('is not registered twice by requests that come at once', async () => {
    const answers = await Promise.all(['one', 'two'].map((name) => post(registration(name, second.address))));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const made = answers.find(({ status }) => status === 201)?.body.name;
    expect((await stack.call('DELETE', `/v1/servers/${made}`)).status).toBe(200);
    expect(await auditOf(`server/${made}`)).toContain('outcome admin server.delete completed');
    const { rows } = await stack.control.db.query(`SELECT FROM secrets WHERE owner = $1`, [`server/${made}`]);
    expect(rows).toEqual([]);
  });

  test('that is deleted and registered anew is reached with its new password', async () => {
    await second.query(
      `SET password_encryption = 'scram-sha-256'; CREATE ROLE steward LOGIN CREATEROLE PASSWORD 'password-one'`,
    );
    const as = (adminPassword: string) =>
      registration('again', { ...second.address, adminUser: 'steward', adminPassword });
    const probe = () => stack.call('POST', '/v1/servers/again/probe');
    expect((await post(as('password-one'))).status).toBe(201);
    expect((await probe()).body.endpoints[0].role).toBe('primary');
    expect((await stack.call('DELETE', '/v1/servers/again')).status).toBe(200);
    await second.query(`SET password_encryption = 'scram-sha-256'; ALTER ROLE steward PASSWORD 'password-two'`);
    expect((await post(as('password-two'))).status).toBe(201);
    expect((await probe()).body.endpoints[0].role).toBe('primary');
    expect((await stack.call('DELETE', '/v1/servers/again')).status).toBe(200);
  });
});

describe('a registration is refused', () => {
  const refusals: [
    what: string,
    body: () => Promise<unknown> | unknown,
    status: number,
    name: string,
    words: RegExp,
  ][] = [
    [
      'of the metadata server of this installation (R3)',
      () => {
        const { host, port, user, password } = stack.metadata;
        return {
          name: 'innocent',
          endpoints: [{ address: host === '127.0.0.1' ? 'localhost' : host, port }],
          maintenance_database: 'template1',
          tls: { mode: 'disable' },
          admin: { user, password },
        };
      },
      403,
      'forbidden',
      /is the metadata server/,
    ],
    [
      'for a wrong password',
      () => registration('wrong', { ...second.address, adminPassword: 'wrong' }),
      400,
      'invalid_input',
      /password authentication failed/,
    ],
    [
      'where no endpoint answers, saying what each of them said',
      async () => {
        const endpoints = [await freePort(), await freePort()].map((port) => ({ address: '127.0.0.1', port }));
        return registration('nowhere', second.address, { endpoints });
      },
      503,
      'unavailable',
      /127\.0\.0\.1:\d+: connect ECONNREFUSED.*127\.0\.0\.1:\d+: connect ECONNREFUSED/,
    ],
    [
      'without a certificate that proves the server',
      () => registration('untrusted', second.address, { tls: { mode: 'verify-full' } }),
      503,
      'unavailable',
      /self-signed certificate|unable to verify/,
    ],
    [
      'for text that is no certificate',
      () => registration('pem', second.address, { tls: { mode: 'verify-full', ca_certificate: 'none' } }),
      400,
      'invalid_input',
      /tls\.ca_certificate: is no certificate/,
    ],
    [
      'for another cluster than the one that it names',
      () => registration('other', second.address, { system_identifier: '1' }),
      400,
      'invalid_input',
      /system_identifier: the server is cluster \d+/,
    ],
  ];

  test.each(refusals)('%s', async (_what, body, status, name, words) => {
    const request = await body();
    const answer = await changesNothing(stack, () => post(request));
    expect(answer).toMatchObject({ status, body: { name } });
    expect(answer.body.message).toMatch(words);
    expect(JSON.stringify(answer.body)).not.toContain(second.address.adminPassword);
  });

  test('for endpoints of different clusters, and both are named', async () => {
    await second.query(
      `SET password_encryption = 'scram-sha-256'; ALTER ROLE limited_admin PASSWORD '${first.limited.adminPassword}'`,
    );
    const endpoints = [...first.limited.endpoints, ...second.limited.endpoints];
    const tls = { mode: 'require' };
    const mixed = registration('mixed', first.limited, { endpoints, tls });
    const answer = await changesNothing(stack, () => post(mixed));
    expect(answer.status).toBe(400);
    for (const { port } of endpoints) expect(answer.body.message).toContain(`127.0.0.1:${port} has `);
  });

  test.each([
    ['a path for an address', { endpoints: [{ address: '/tmp', port: 5432 }] }, /endpoints/],
    ['an endpoint twice', { endpoints: [1, 2].map(() => ({ address: 'db', port: 5432 })) }, /twice/],
    ['no endpoint', { endpoints: [] }, /endpoints/],
    ['a word that it does not know', { password: 'canary-in-the-wrong-place' }, /password/],
    ['a label with capitals', { labels: { Environment: 'prod' } }, /label/i],
  ])('with %s', async (_what, change, words) => {
    const answer = await post(registration('shape', second.address, change));
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(words);
    expect(JSON.stringify(answer.body)).not.toContain('canary-in-the-wrong-place');
  });

  test('from anybody but an administrator, and so is everything else about servers', async () => {
    const { credentials } = await makePerson(stack, { role: 'member' });
    const calls: [method: string, path: string, body?: unknown][] = [
      ['GET', '/v1/servers'],
      ['GET', '/v1/servers/host-1'],
      ['POST', '/v1/servers', registration('mine', second.address)],
      ['PUT', '/v1/servers/host-1', changeOf(second.address)],
      ['DELETE', '/v1/servers/host-1'],
      ['POST', '/v1/servers/host-1/probe'],
    ];
    for (const [method, path, body] of calls) {
      const answer = await changesNothing(stack, () => stack.as(credentials).call(method, path, body));
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
  });
});

describe('a change of a registered server', () => {
  const put = (body: unknown) => stack.call('PUT', '/v1/servers/first', body);

  test('of labels and settings needs neither the password nor the server', async () => {
    const change = { labels: { environment: 'test' }, settings: { allow_plain_text_passwords: true } };
    const { status, body } = await put(changeOf(first.limited, change));
    expect(status).toBe(200);
    expect(body).toMatchObject(change);
    expect(await auditOf('server/first')).toContain('outcome admin server.change completed');
    expect((await put(changeOf(first.limited))).body.labels).toEqual({});
  });

  test.each([
    ['endpoints', () => ({ endpoints: second.address.endpoints })],
    ['tls', () => ({ tls: { mode: 'require' } })],
    ['admin.user', () => ({ admin: { user: 'postgres' } })],
  ])('of %s needs the password again (R4), and without it nothing is sent anywhere', async (part, change) => {
    const before = (await readFile(second.logFile, 'utf8')).length;
    const answer = await changesNothing(stack, () => put(changeOf(first.limited, change())));
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(new RegExp(`admin.password: is required, because ${part} would change`));
    expect((await readFile(second.logFile, 'utf8')).length).toBe(before);
  });

  test('with the password is tried before it is kept', async () => {
    const { adminUser: user, adminPassword: password } = first.address;
    const wrong = await changesNothing(stack, () =>
      put(changeOf(first.limited, { admin: { user, password: 'wrong' } })),
    );
    expect(wrong.status).toBe(400);
    const right = await put(changeOf(first.limited, { admin: { user, password } }));
    expect(right).toMatchObject({ status: 200, body: { admin: { user } } });
    const probed = await stack.call('POST', '/v1/servers/first/probe');
    expect(probed.body).toMatchObject({ admin: { user, superuser: true }, missing_rights: [] });
  });

  test('to another cluster has to name it', async () => {
    const admin = { user: second.address.adminUser, password: second.address.adminPassword };
    const refused = await changesNothing(stack, () => put(changeOf(second.address, { admin })));
    expect(refused).toMatchObject({ status: 409, body: { name: 'server_in_use' } });
    const named = /"system_identifier": "(\d+)"/.exec(refused.body.message)?.[1];
    const accepted = await put(changeOf(second.address, { admin, system_identifier: named }));
    expect(accepted).toMatchObject({ status: 200, body: { system_identifier: named } });
  });

  test('and everything else about a server that is not there answers 404', async () => {
    const missing = '/v1/servers/missing';
    const answers = [
      await stack.call('GET', missing),
      await stack.call('PUT', missing, changeOf(first.address)),
      await stack.call('DELETE', missing),
      await stack.call('POST', `${missing}/probe`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  });
});

describe('a probe', () => {
  test('of a server that does not answer says so, and keeps what was known of it', async () => {
    const before = await stack.control.db.query(`SELECT probe FROM servers WHERE name = 'host-1'`);
    await stack.target.stopServer();
    try {
      const { status, body } = await stack.call('POST', '/v1/servers/host-1/probe');
      expect(status).toBe(200);
      expect(body).toMatchObject({
        endpoints: [{ role: 'unreachable', answer: expect.stringMatching(/ECONNREFUSED/) }],
      });
      expect(body.problem).toMatch(/has no endpoint that takes changes/);
      expect(body.admin).toBeUndefined();
    } finally {
      await stack.target.startServer();
    }
    expect((await stack.control.db.query(`SELECT probe FROM servers WHERE name = 'host-1'`)).rows).toEqual(before.rows);
    expect((await stack.call('POST', '/v1/servers/host-1/probe')).body.endpoints[0].role).toBe('primary');
  });
});
