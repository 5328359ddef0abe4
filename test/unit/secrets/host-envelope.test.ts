import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { CompactEncrypt, decodeProtectedHeader, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { type EnvelopeBinding, openOnHost, sealForHost } from '../../../platform/secrets/host-envelope.ts';
import { createHostKeyPair, HOST_KEY_ALGORITHM, loadOrCreateHostKey } from '../../../platform/secrets/host-key.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const binding: EnvelopeBinding = { hostId: 'host-1', instanceId: 'storefront-api-host-1', taskId: 'task-1' };
const joinToken = 'a-join-token-for-tests';
const payload = { secrets: { password: 'canary-é-$(PATH)' }, epoch: 3 };

describe('an envelope', () => {
  test('opens on its host, and shows neither payload nor key in between', async () => {
    const hostKey = await createHostKeyPair();
    const jwe = await sealForHost({ publicJwk: hostKey.publicJwk, joinToken, binding, payload });
    expect(await openOnHost({ hostKey, joinToken, binding, jwe })).toEqual(payload);
    expect(Buffer.from(jwe.split('.').join(), 'base64url').toString()).not.toContain('canary');
    expect(decodeProtectedHeader(jwe)).toMatchObject({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: hostKey.keyId });
  });

  test.each([
    { ...binding, hostId: 'host-2' },
    { ...binding, instanceId: 'other-api-host-1' },
    { ...binding, taskId: 'task-2' },
  ])('does not open as $hostId $instanceId $taskId', async (other) => {
    const hostKey = await createHostKeyPair();
    const jwe = await sealForHost({ publicJwk: hostKey.publicJwk, joinToken, binding, payload });
    await expect(openOnHost({ hostKey, joinToken, binding: other, jwe })).rejects.toMatchObject({
      type: 'SecretUnreadable',
      message: `the envelope for ${other.instanceId} is for another host, instance or task`,
    });
  });

  test('does not open with another key, and says that the host has a new one', async () => {
    const [before, now] = await Promise.all([createHostKeyPair(), createHostKeyPair()]);
    const jwe = await sealForHost({ publicJwk: before.publicJwk, joinToken, binding, payload });
    await expect(openOnHost({ hostKey: now, joinToken, binding, jwe })).rejects.toMatchObject({
      type: 'KeyUnavailable',
      message: expect.stringContaining('sealed to another key than the one host host-1 has now'),
    });
  });

  test('does not open once a part of it was changed', async () => {
    const hostKey = await createHostKeyPair();
    const jwe = await sealForHost({ publicJwk: hostKey.publicJwk, joinToken, binding, payload });
    for (const [index, part] of jwe.split('.').entries()) {
      const altered = jwe.split('.').with(index, `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`);
      await expect(openOnHost({ hostKey, joinToken, binding, jwe: altered.join('.') })).rejects.toMatchObject({
        type: 'SecretUnreadable',
      });
    }
    await expect(openOnHost({ hostKey, joinToken, binding, jwe: 'nonsense' })).rejects.toThrow(/was altered$/);
  });

  test('cannot be made by who only knows the public key of the host (R13)', async () => {
    const hostKey = await createHostKeyPair();
    const withoutToken = await sealForHost({ publicJwk: hostKey.publicJwk, joinToken: 'guessed', binding, payload });
    const genuine = await sealForHost({ publicJwk: hostKey.publicJwk, joinToken, binding, payload });
    const unsigned = await new CompactEncrypt(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ ...decodeProtectedHeader(genuine), alg: HOST_KEY_ALGORITHM, enc: 'A256GCM' })
      .encrypt(await importJWK(hostKey.publicJwk, HOST_KEY_ALGORITHM));
    for (const jwe of [withoutToken, unsigned]) {
      await expect(openOnHost({ hostKey, joinToken, binding, jwe })).rejects.toThrow(
        /was not made with the join token of this host$/,
      );
    }
  });
});

describe('the key of a host', () => {
  test('is created once, readable by its owner only, and is the same after a restart', async () => {
    const file = join(await temporaryDirectory(), 'host-key.json');
    const [first, second] = await Promise.all([loadOrCreateHostKey(file), loadOrCreateHostKey(file)]);
    expect(first.keyId).toBe(second.keyId);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const jwe = await sealForHost({ publicJwk: first.publicJwk, joinToken, binding, payload });
    expect(await openOnHost({ hostKey: await loadOrCreateHostKey(file), joinToken, binding, jwe })).toEqual(payload);
  });

  test('cannot be exported or printed, and its public half holds no private number', async () => {
    const hostKey = await createHostKeyPair();
    expect(hostKey.privateKey.extractable).toBe(false);
    expect(Object.keys(hostKey.publicJwk).sort()).toEqual(['crv', 'kty', 'x', 'y']);
    expect(inspect(hostKey, { depth: 5 })).not.toMatch(/\bd: /);
  });

  test.each(['{"kty":"EC","crv":"P-256","d":"canary', '{"kty":"oct","k":"canary"}', '{}'])(
    'in a file with %s is refused without being quoted',
    async (text) => {
      const file = join(await temporaryDirectory(), 'host-key.json');
      await writeFile(file, text, { mode: 0o600 });
      const err = await loadOrCreateHostKey(file).catch((caught: unknown) => caught);
      expect(err).toMatchObject({ message: `${file} is not a private P-256 key in JWK form` });
      expect(inspect(err)).not.toContain('canary');
    },
  );
});
