/** `doctor` on an installation that is in order, and on one after the other that lacks something. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../platform/config/read-config.ts';
import { clockFinding } from '../../worker/doctor/check-metadata.ts';
import { checkNode } from '../../worker/doctor/check-node.ts';
import { runDoctor } from '../../worker/doctor/command.ts';
import type { Finding } from '../../worker/doctor/finding.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { program } from './support/command-line.ts';

let stack: TestStack;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const { host, port, user, database, password } = stack.metadata;
  const passwordFile = join(stack.config.home, 'metadata.password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const { server, namespace } = stack.config.temporal;
  env = {
    PGSTEWARD_HOME: stack.config.home,
    PGSTEWARD_METADATA_URL: `postgres://${user}@${host}:${port}/${database}`,
    PGSTEWARD_METADATA_PASSWORD_FILE: passwordFile,
    TEMPORAL_ADDRESS: server.kind === 'existing' ? server.address : '',
    TEMPORAL_NAMESPACE: namespace,
    PGSTEWARD_RUNTIME: 'process',
  };
});
afterAll(() => stack?.stop());

async function examine(
  change: NodeJS.ProcessEnv = {},
): Promise<{ code: number; findings: Finding[]; of(subject: string): Finding }> {
  const { config } = readConfig({ ...env, ...change });
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const code = await runDoctor(config, { words: ['--json'], say, complain: say });
  const { findings, healthy } = JSON.parse(lines.join('\n'));
  expect(healthy).toBe(code === 0);
  const of = (subject: string) => {
    const found = findings.find((finding: Finding) => finding.subject === subject);
    if (found === undefined) throw new Error(`nothing was found of ${subject}: ${lines.join('\n')}`);
    return found;
  };
  return { code, findings, of };
}

test('an installation in order has no problem, and the program says so with exit code 0', async () => {
  const ran = await program(env, ['doctor']);
  expect([ran.code, ran.notes]).toEqual([0, '']);
  expect(ran.out).toMatch(/^Everything that is needed is there; \d+ warnings\.$/m);
  const { findings } = await examine();
  expect(findings.map(({ subject }) => subject)).toEqual([
    'Node.js',
    'State directory',
    'Keyring of stored secrets',
    'Keyring of Temporal payloads',
    'Join token of hosts',
    'Metadata database',
    'Schema of the metadata database',
    'Clock',
    'Temporal',
    'Temporal namespace',
    'Search attributes',
    'Control worker',
    'Docker Engine',
    'PostgREST binary',
    'Server host-1',
  ]);
  expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
  const text = JSON.stringify(findings) + ran.out;
  expect(text).not.toContain(stack.target.address.adminPassword);
});

test('a keyring that others may read is named with the command that mends it', async () => {
  const file = stack.config.files.sealKeyring;
  await chmod(file, 0o644);
  const { code, of } = await examine();
  await chmod(file, 0o600);
  expect([code, of('Keyring of stored secrets')]).toMatchObject([1, { state: 'problem', mend: `chmod 600 ${file}` }]);
  expect(of('Servers')).toMatchObject({ state: 'problem', says: 'their passwords cannot be read' });
});

test('a keyring that is another one, or none, is told from one that is not there', async () => {
  const home = join(stack.config.home, 'elsewhere');
  await mkdir(home, { mode: 0o700 });
  const broken = join(home, 'broken.json');
  await writeFile(broken, '{"keys": "c4nary"}', { mode: 0o600 });
  const { of } = await examine({ PGSTEWARD_CODEC_KEYRING_FILE: broken, PGSTEWARD_JOIN_TOKEN_FILE: join(home, 'none') });
  expect(of('Keyring of Temporal payloads')).toMatchObject({
    state: 'problem',
    says: expect.stringContaining('is not a keyring'),
  });
  expect(of('Join token of hosts')).toMatchObject({
    state: 'warning',
    says: expect.stringContaining('does not exist'),
  });
  const other = join(home, 'other.json');
  await copyFile(stack.config.files.codecKeyring, other);
  await chmod(other, 0o600);
  expect((await examine({ PGSTEWARD_SEAL_KEYRING_FILE: other })).of('Server host-1')).toMatchObject({
    state: 'problem',
  });
});

test('a metadata database that does not answer, is empty or is newer is told', async () => {
  const silent = await examine({ PGSTEWARD_METADATA_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
  expect([silent.code, silent.of('Metadata database')]).toMatchObject([
    1,
    {
      state: 'problem',
      says: expect.stringContaining('127.0.0.1:1/nothing does not answer'),
      mend: expect.stringContaining('PGSTEWARD_METADATA_URL'),
    },
  ]);
  expect(silent.of('Servers').state).toBe('warning');
  const { host, port, user } = stack.metadata;
  const empty = await examine({ PGSTEWARD_METADATA_URL: `postgres://${user}@${host}:${port}/template1` });
  expect(empty.of('Schema of the metadata database')).toMatchObject({
    state: 'warning',
    says: expect.stringContaining('1_initial'),
  });
  const { db } = stack.control;
  await db.query(`INSERT INTO schema_migrations (name, run_on) VALUES ('999_later', now())`);
  const newer = await examine();
  await db.query(`DELETE FROM schema_migrations WHERE name = '999_later'`);
  expect([newer.code, newer.of('Schema of the metadata database').says]).toEqual([
    1,
    expect.stringContaining('999_later'),
  ]);
});

test('Temporal that does not answer, and a namespace that is not there, are told with what makes them', async () => {
  const silent = await examine({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect([silent.code, silent.of('Temporal').mend]).toEqual([1, expect.stringContaining('TEMPORAL_ADDRESS')]);
  const none = await examine({ TEMPORAL_NAMESPACE: 'nowhere' });
  expect(none.of('Temporal namespace')).toMatchObject({
    state: 'problem',
    mend: expect.stringContaining('temporal operator namespace create -n nowhere'),
  });
});

test('a namespace without search attributes and workers is told with the commands', async () => {
  const { of, code } = await examine({ TEMPORAL_NAMESPACE: 'temporal-system' });
  expect(code).toBe(1);
  expect(of('Search attributes').mend).toMatch(
    /temporal operator search-attribute create -n temporal-system --name PgDatabase --type Keyword/,
  );
  expect(of('Control worker')).toMatchObject({ state: 'problem', mend: 'start one: pgsteward worker' });
});

test('an engine that has to be there and is not is a problem; where processes do, it is none', async () => {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = 'tcp://127.0.0.1:1';
  try {
    expect((await examine({ PGSTEWARD_RUNTIME: 'docker' })).of('Docker Engine')).toMatchObject({ state: 'problem' });
    expect((await examine({ PGSTEWARD_RUNTIME: 'auto' })).of('Docker Engine')).toMatchObject({ state: 'warning' });
    expect((await examine()).of('Docker Engine')).toMatchObject({ state: 'ok' });
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  }
});

test('a server that is down, and an admin role that lacks a right, are told', async () => {
  await stack.target.stopServer();
  const down = await examine();
  await stack.target.startServer();
  expect([down.code, down.of('Server host-1').state]).toEqual([1, 'problem']);
  await stack.target.query(`CREATE ROLE weak LOGIN CREATEROLE PASSWORD 'c4nary-weak'`);
  const { body: server } = await stack.call('GET', '/v1/servers/host-1');
  const { endpoints, tls } = server;
  const changed = await stack.call('PUT', '/v1/servers/host-1', {
    endpoints,
    tls,
    admin: { user: 'weak', password: 'c4nary-weak' },
  });
  expect(changed.status).toBe(200);
  const weak = (await examine()).of('Server host-1');
  expect([weak.says, weak.mend]).toEqual([
    expect.stringContaining('as weak, which lacks '),
    expect.stringMatching(/a superuser runs: .*"weak"/),
  ]);
  expect(JSON.stringify(weak)).not.toContain('c4nary');
});

test('an old Node.js and a clock that is wrong are told', () => {
  expect(checkNode('18.20.0')).toMatchObject([{ state: 'problem', mend: expect.stringContaining('20.3') }]);
  expect(checkNode('20.3.0')).toMatchObject([{ state: 'ok' }]);
  expect([0, -1_999, 5_000, -60_000].map((ms) => clockFinding(ms).state)).toEqual(['ok', 'ok', 'warning', 'problem']);
  expect(clockFinding(-60_000).says).toContain('60000 ms behind');
});

test('other words than --json are refused', async () => {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  expect(await runDoctor(stack.config, { words: ['now'], say, complain: say })).toBe(1);
  expect(lines).toEqual(['usage: pgsteward doctor [--json]']);
});
