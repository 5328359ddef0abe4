/** A key of the sealing keyring is replaced by another one, and can be retired. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadKeyring } from '../../platform/secrets/keyring.ts';
import { openStored } from '../../platform/secrets/open-stored.ts';
import { createSealer } from '../../platform/secrets/seal.ts';
import { insertSecrets, type StoredSecret } from '../../store/secrets.ts';
import { reseal } from '../../worker/keys/reseal.ts';
import { newSealer, verify } from '../audit/support/log.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));
/** More than fit into one statement. */
const SECRETS = 450;
let stack: TestStack;
let file: string;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  file = stack.config.files.sealKeyring;
  await addSecrets('first', SECRETS);
  await stack.control.db.query(
    `INSERT INTO credentials (server_name, role_name, owner, origin, password_fingerprint) VALUES ('host-1', 'app', 'engine', 'engine', $1)`,
    [stack.control.sealer.fingerprint('host-1 app')],
  );
  await (await newSealer(stack)).seal();
});
afterAll(() => stack?.stop());

async function addSecrets(prefix: string, count: number): Promise<void> {
  const sealer = createSealer(await loadKeyring(file));
  const secrets = Array.from({ length: count }, (_, n): StoredSecret => {
    const identity = { secretId: `${prefix}/${n}`, owner: `owner/${n % 7}`, version: (n % 3) + 1 };
    const { keyId, bytes: sealed } = sealer.seal(identity, `plain ${prefix} ${n}`);
    return { id: identity.secretId, owner: identity.owner, version: identity.version, keyId, sealed };
  });
  await insertSecrets(stack.control.db, secrets);
}

async function stored(): Promise<StoredSecret[]> {
  const { rows } = await stack.control.db.query(
    'SELECT id, owner, version, key_id AS "keyId", sealed FROM secrets ORDER BY id, version',
  );
  return rows;
}

/** The command, in a process of its own. */
async function keys(...words: string[]): Promise<{ code: number; output: string }> {
  const { host, port, user, database, password } = stack.metadata;
  const passwordFile = join(stack.config.home, 'metadata.password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const child = spawn(process.execPath, [START, 'keys', ...words], {
    env: {
      ...process.env,
      PGSTEWARD_HOME: stack.config.home,
      PGSTEWARD_METADATA_URL: `postgres://${user}@${host}:${port}/${database}`,
      PGSTEWARD_METADATA_PASSWORD_FILE: passwordFile,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      output += part;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output };
}

test('after a rotation every secret is sealed with the new key, opens to what it was, and the old key can go', async () => {
  const before = await stored();
  const old = (await loadKeyring(file)).active.id;
  expect((await keys('rotate', 'seal')).code).toBe(0);
  const rotated = await loadKeyring(file);
  expect(rotated.active.id).not.toBe(old);
  expect(rotated.keys.map(({ id }) => id)).toContain(old);

  const { code, output } = await keys('reseal');
  expect(code, output).toBe(0);
  expect(output).toMatch(new RegExp(`^resealed +${before.length} secrets with key ${rotated.active.id}$`, 'm'));
  expect(output).toMatch(/^forgotten 1 fingerprints/m);
  expect(output).toMatch(new RegExp(`^needed +key ${old}, to verify \\d+ entries of the audit log`, 'm'));
  expect(output).not.toMatch(/plain first/);

  // The keyring without the old key, as on a machine from which it was taken.
  const content = JSON.parse(await readFile(file, 'utf8'));
  delete content.keys[old];
  const retired = join(stack.config.home, 'retired-keyring.json');
  await writeFile(retired, JSON.stringify(content), { mode: 0o600 });
  const sealer = createSealer(await loadKeyring(retired));
  const after = await stored();
  const was = createSealer(rotated);
  expect(after.map(({ id, version, owner }) => [id, version, owner])).toEqual(
    before.map(({ id, version, owner }) => [id, version, owner]),
  );
  expect(after.map((secret) => openStored(sealer, secret))).toEqual(before.map((secret) => openStored(was, secret)));
  // The audit log is verified with both keys, wherever they are kept.
  expect(await verify(stack)).toMatchObject({ code: 0 });
});

test('a key that nothing needs is retired: the file as it was stays for the audit log, and the secrets open without the key', async () => {
  const { active, keys: all } = await loadKeyring(file);
  const old = all.find(({ id }) => id !== active.id)?.id ?? '';
  expect(await keys('retire', 'seal', active.id)).toMatchObject({
    code: 1,
    output: expect.stringContaining(active.id),
  });
  const { code, output } = await keys('retire', 'seal', old);
  expect(code, output).toBe(0);
  expect(output).toMatch(new RegExp(`^retired +key ${old}: `, 'm'));
  const kept = `${file}.with-${old}`;
  expect(output).toMatch(new RegExp(`^kept +${kept}: to verify \\d+ entries of the audit log`, 'm'));
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  expect((await loadKeyring(file)).keys.map(({ id }) => id)).toEqual([active.id]);
  const sealer = createSealer(await loadKeyring(file));
  for (const secret of await stored()) expect(() => openStored(sealer, secret)).not.toThrow();
  // Once more, and one that never was: nothing is done.
  expect((await keys('retire', 'seal', old)).output).toContain('is not in the file');
  // The chain is verified where the old key is.
  await rename(kept, file);
  expect(await verify(stack)).toMatchObject({ code: 0 });
});

test('a key that secrets need is not retired', async () => {
  const before = await readFile(file, 'utf8');
  const old = (await loadKeyring(file)).active.id;
  await addSecrets('needed', 2);
  expect((await keys('rotate', 'seal')).code).toBe(0);
  const { code, output } = await keys('retire', 'seal', old);
  expect(code).toBe(1);
  expect(output).toMatch(new RegExp(`^needed +key ${old}, for \\d+ secrets: run reseal`, 'm'));
  expect((await loadKeyring(file)).keys.map(({ id }) => id)).toContain(old);
  expect((await keys('reseal')).code).toBe(0);
  expect(await readFile(file, 'utf8')).not.toBe(before);
});

test('it may be begun again and run beside others: what is done is not done twice, what was changed meanwhile stays', async () => {
  await addSecrets('second', 250);
  expect((await keys('rotate', 'seal')).code).toBe(0);
  const keyring = await loadKeyring(file);
  const total = (await stored()).length;
  const results = await Promise.all([1, 2, 3].map(() => reseal(stack.control.db, keyring)));
  expect(results.reduce((sum, { resealed }) => sum + resealed, 0)).toBe(total);
  expect(await reseal(stack.control.db, keyring)).toMatchObject({ resealed: 0, unreadable: [] });
  const sealer = createSealer(keyring);
  for (const secret of await stored()) expect(() => openStored(sealer, secret)).not.toThrow();
});

test('a secret that cannot be opened is named, left as it was, and keeps nobody else from being sealed', async () => {
  await addSecrets('third', 3);
  await stack.control.db.query(`UPDATE secrets SET key_id = 'lost' WHERE id = 'third/1'`);
  expect((await keys('rotate', 'seal')).code).toBe(0);
  const { code, output } = await keys('reseal');
  expect(code).toBe(1);
  expect(output).toMatch(/^unread +third\/1 version 2: key "lost" is not in the keyring/m);
  expect(output).toMatch(/^needed +key lost, for 1 secrets/m);
  const { active } = await loadKeyring(file);
  const left = (await stored()).filter(({ keyId }) => keyId !== active.id);
  expect(left.map(({ id }) => id)).toEqual(['third/1']);
});

test('other words are refused, and tell how it is called', async () => {
  for (const words of [
    ['rotate', 'everything'],
    ['retire', 'seal'],
    ['retire', 'codec', 'key'],
    ['reseal', 'seal', 'key'],
    [],
  ]) {
    expect(await keys(...words), words.join(' ')).toMatchObject({ code: 2, output: expect.stringContaining('usage:') });
  }
});
