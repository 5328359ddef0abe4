import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ensureJoinToken, loadJoinToken } from '../../../platform/secrets/join-token.ts';
import { ensureKeyring, loadKeyring, rotateKeyring } from '../../../platform/secrets/keyring.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');

describe('a keyring file', () => {
  test('is created with one random key, readable by its owner only, and stays the same', async () => {
    const file = join(await temporaryDirectory(), 'state', 'codec.json');
    const created = await ensureKeyring(file);
    expect(created.keys).toHaveLength(1);
    expect(created.active.secret.symmetricKeySize).toBe(32);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700);
    const again = await ensureKeyring(file);
    expect(again.active.id).toBe(created.active.id);
    expect(again.active.secret.equals(created.active.secret)).toBe(true);
  });

  test('is one file with one key when many processes create it at once, and nothing else is left', async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, 'codec.json');
    const keyrings = await Promise.all(Array.from({ length: 20 }, () => ensureKeyring(file)));
    expect(new Set(keyrings.map((keyring) => keyring.active.id)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['codec.json']);
  });

  test.each([0o640, 0o604, 0o660, 0o601])('of mode %o is refused with the command that mends it', async (mode) => {
    const file = await keyringFile({ active: 'a', keys: { a: KEY } });
    await chmod(file, mode);
    await expect(loadKeyring(file)).rejects.toMatchObject({
      type: 'ConfigurationInvalid',
      message: `${file} has mode 0${mode.toString(8)}: only its owner may read it; run: chmod 600 ${file}`,
    });
  });

  test('that is missing or a directory is refused by name', async () => {
    const directory = await temporaryDirectory();
    await expect(loadKeyring(join(directory, 'none'))).rejects.toThrow(/none does not exist$/);
    await mkdir(join(directory, 'dir'));
    await expect(loadKeyring(join(directory, 'dir'))).rejects.toThrow(/dir is not a regular file$/);
  });

  test.each([
    ['not JSON', `{"active": "a", "keys": {"a": ${KEY}`],
    ['no active key', { keys: { a: KEY } }],
    ['an active key that is not there', { active: 'b', keys: { a: KEY } }],
    ['an active key named after a property of every object', { active: 'toString', keys: { a: KEY } }],
    ['a key of 31 bytes', { active: 'a', keys: { a: Buffer.alloc(31, 7).toString('base64') } }],
    ['a key that is not base64', { active: 'a', keys: { a: `${KEY.slice(0, -2)}!!` } }],
    ['a key id with spaces', { active: 'a b', keys: { 'a b': KEY } }],
    ['other properties', { active: 'a', keys: { a: KEY }, extra: true }],
  ])('with %s is refused without quoting a key', async (_, content) => {
    const file = await keyringFile(content);
    const err = await loadKeyring(file).catch((caught: unknown) => caught);
    expect(err).toMatchObject({ type: 'ConfigurationInvalid' });
    expect(inspect(err)).toContain(file);
    expect(inspect(err)).not.toContain(KEY.slice(0, 8));
  });

  test('gains an active key by rotation and keeps the old ones', async () => {
    const file = await keyringFile({ active: 'old', keys: { old: KEY } });
    const rotated = await rotateKeyring(file);
    expect(rotated.active.id).not.toBe('old');
    expect(rotated.find('old').secret.export().toString('base64')).toBe(KEY);
    expect((await loadKeyring(file)).active.id).toBe(rotated.active.id);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('loses no key when it is rotated many times at once', async () => {
    const file = await keyringFile({ active: 'old', keys: { old: KEY } });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => rotateKeyring(file)));
    const successes = results.filter((result) => result.status === 'fulfilled').length;
    expect(successes).toBeGreaterThan(0);
    expect((await loadKeyring(file)).keys).toHaveLength(1 + successes);
  });

  test('under rotation by another process is refused with the lock file that may have to go', async () => {
    const file = await keyringFile({ active: 'old', keys: { old: KEY } });
    await writeFile(`${file}.lock`, '');
    await expect(rotateKeyring(file)).rejects.toThrow(`remove ${file}.lock`);
    expect(await readFile(`${file}.lock`, 'utf8')).toBe('');
  });
});

describe('a keyring', () => {
  test('names an unknown key id, asks for a retry, and shows no key', async () => {
    const keyring = await loadKeyring(await keyringFile({ active: 'a', keys: { a: KEY } }));
    expect(() => keyring.find('b')).toThrow(
      expect.objectContaining({
        type: 'KeyUnavailable',
        retryable: true,
        message: 'key "b" is not in the keyring of this process: copy the newest keyring file here, and start it again',
      }),
    );
    const shown = inspect(keyring, { depth: 10, showHidden: true }) + JSON.stringify(keyring);
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain('07 07');
  });
});

describe('a join token', () => {
  test('is created once and read again', async () => {
    const file = join(await temporaryDirectory(), 'join-token');
    const [first, second] = await Promise.all([ensureJoinToken(file), ensureJoinToken(file)]);
    expect(first).toBe(second);
    expect(first).toMatch(/^[\w-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('that is too short is refused without being quoted', async () => {
    const file = join(await temporaryDirectory(), 'join-token');
    await writeFile(file, 'short\n', { mode: 0o600 });
    await expect(loadJoinToken(file)).rejects.toThrow(`${file} holds no join token of 16 characters or more`);
  });
});

async function keyringFile(content: unknown): Promise<string> {
  const file = join(await temporaryDirectory(), 'keyring.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return file;
}
