import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as requestTls } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../../platform/local/certificates.ts';
import { createLogger } from '../../../platform/log.ts';
import { revokeToken } from '../../../store/tokens.ts';
import { type RunningApi, startApi } from '../../../worker/api-server.ts';
import { ensureAdministrator } from '../../../worker/first-administrator.ts';
import { listen } from '../../../worker/listen.ts';
import { loadTls, renewTls } from '../../../worker/tls.ts';
import { until } from '../../support/follow.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let directory: string;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  directory = await mkdtemp(join(tmpdir(), 'pgsteward-listeners-'));
});
afterAll(async () => {
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

const log = createLogger({ level: 'silent', service: 'test' });

/** A certificate of an authority of its own, and that authority's. */
async function certificate(name: string) {
  const ca = await ensureCertificateAuthority(join(directory, `${name}-ca`));
  const dir = join(directory, name);
  await ensureServerCertificate({ ca, dir, names: ['localhost'], addresses: ['127.0.0.1'] });
  return { ca: ca.certificatePem, certFile: join(dir, 'server.crt'), keyFile: join(dir, 'server.key') };
}

/** @throws when the certificate is of another authority */
async function getTls(url: string, ca: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  const sent = requestTls(url, { ca, headers, agent: false, servername: 'localhost' });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

describe('an API with PGSTEWARD_AUTH=required, TLS and a listener for /api/v1', () => {
  let api: RunningApi;
  let tls: Awaited<ReturnType<typeof certificate>>;

  beforeAll(async () => {
    tls = await certificate('first');
    const { certFile, keyFile } = tls;
    api = await startApi({
      config: {
        ...stack.config,
        listen: { address: '127.0.0.1', port: 0 },
        usersListen: { address: '127.0.0.1', port: 0 },
        auth: { mode: 'required' },
        tls: { certFile, keyFile },
      },
      control: stack.control,
      temporal: stack.temporal,
      eagerStart: false,
      log,
    });
  });
  afterAll(() => api?.stop());

  test('speaks TLS, and wants credentials for the published routes, too', async () => {
    expect(api.url).toMatch(/^https:/);
    expect(await getTls(`${api.url}/v1/databases`, tls.ca)).toBe(401);
    expect(await getTls(`${api.url}/v1/databases`, tls.ca, stack.admin)).toBe(200);
    expect(await getTls(`${api.url}/healthz`, tls.ca)).toBe(200);
    await expect(getTls(`${api.url}/healthz`, (await certificate('other')).ca)).rejects.toThrow(/self-signed|verify/);
  });

  test('answers under any name, since nobody is believed without credentials', async () => {
    const headers = { Host: 'steward.example' };
    expect(await getTls(`${api.url}/v1/databases`, tls.ca, { ...headers, ...stack.admin })).toBe(200);
    expect(await getTls(`${api.url}/healthz`, tls.ca, headers)).toBe(200);
  });

  test('has nothing but / and /api/v1 on the second listener', async () => {
    const at = (path: string) => getTls(`${api.usersUrl}${path}`, tls.ca, stack.admin);
    expect(await at('/')).toBe(200);
    for (const path of ['/v1/databases', '/healthz', '/v1/me', '/api', '/api/v10/users']) {
      expect([path, await at(path)]).toEqual([path, 404]);
    }
  });
});

describe('a certificate', () => {
  test('is read again when it has changed, without a restart; one that does not fit its key is not taken', async () => {
    const [first, second] = [await certificate('before'), await certificate('after')];
    const files = { certFile: join(directory, 'served.crt'), keyFile: join(directory, 'served.key') };
    const put = async (file: string, from: string) => writeFile(file, await readFile(from), { mode: 0o600 });
    await put(files.certFile, first.certFile);
    await put(files.keyFile, first.keyFile);
    const listener = await listen({
      address: '127.0.0.1',
      port: 0,
      variable: 'none',
      owner: 'the test',
      fetch: () => new Response('here'),
      tls: await loadTls(files),
    });
    const server = listener.tls;
    if (server === undefined) throw new Error('it does not speak TLS');
    const renewal = renewTls([server], { files, log, lookEveryMs: 20 });
    try {
      await put(files.certFile, second.certFile);
      expect(await getTls(listener.url, first.ca)).toBe(200);
      await put(files.keyFile, second.keyFile);
      await until(() => getTls(listener.url, second.ca).catch(() => undefined));
    } finally {
      renewal.stop();
      await listener.stop();
    }
  });

  test('that cannot be used is named at the start', async () => {
    const { certFile, keyFile } = await certificate('mixed');
    const { keyFile: otherKey } = await certificate('mixed-other');
    const missing = join(directory, 'missing.crt');
    await expect(loadTls({ certFile: missing, keyFile })).rejects.toThrow(`${missing} cannot be read`);
    await expect(loadTls({ certFile, keyFile: otherKey })).rejects.toThrow(/are no certificate and its key/);
  });
});

describe('the first administrator', () => {
  const ensure = (when: 'first' | 'lost' | 'always', file: string) =>
    ensureAdministrator(stack.control.db, { file: join(directory, file), when });
  const whoIs = async (file: string) => {
    const text = (await readFile(join(directory, file), 'utf8')).trim();
    return (await stack.as({ Authorization: `Bearer ${text}` }).call('GET', '/v1/me')).body;
  };

  test('is made once, with a token that only the owner of its file can read', async () => {
    const { adminToken } = stack.config.files;
    expect((await stat(adminToken)).mode & 0o777).toBe(0o600);
    expect(await ensure('first', 'not-needed')).toBe(false);
    await expect(stat(join(directory, 'not-needed'))).rejects.toThrow(/ENOENT/);
  });

  test('gets another token where the file is gone or somebody asks for it, and the others stay good', async () => {
    expect(await ensure('lost', 'lost')).toBe(true);
    expect(await ensure('lost', 'lost')).toBe(false);
    expect(await whoIs('lost')).toMatchObject({ account: 'admin', role: 'admin' });
    const before = await readFile(join(directory, 'lost'), 'utf8');
    expect(await ensure('always', 'lost')).toBe(true);
    expect(await readFile(join(directory, 'lost'), 'utf8')).not.toBe(before);
    expect(await whoIs('lost')).toMatchObject({ account: 'admin' });
    expect((await stack.call('GET', '/v1/me')).status).toBe(200);
  });

  test('is made by one of several processes that start at once', async () => {
    const { db } = stack.control;
    await db.query(`UPDATE accounts SET disabled_at = now() WHERE name = 'admin'`);
    const made = await Promise.all(['one', 'two', 'three'].map((file) => ensure('first', file)));
    expect(made.filter(Boolean)).toHaveLength(1);
    const file = ['one', 'two', 'three'][made.indexOf(true)] ?? '';
    expect(await whoIs(file)).toMatchObject({ account: 'admin', role: 'admin' });
  });

  test('takes the token that an earlier start left for a database that is gone, and none that was revoked', async () => {
    const { db } = stack.control;
    await writeFile(join(directory, 'left'), `pgst_${'a'.repeat(43)}\n`, { mode: 0o600 });
    await db.query(`UPDATE accounts SET disabled_at = now() WHERE name = 'admin'`);
    expect(await ensure('first', 'left')).toBe(true);
    const { token_id: id } = await whoIs('left');
    expect(id).toEqual(expect.any(String));
    await revokeToken(db, id);
    await db.query(`UPDATE accounts SET disabled_at = now() WHERE name = 'admin'`);
    expect(await ensure('first', 'left')).toBe(true);
    const again = await whoIs('left');
    expect(again).toMatchObject({ account: 'admin' });
    expect(again.token_id).not.toBe(id);
  });
});
