import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSealer, type SecretIdentity } from '../../../platform/secrets/seal.ts';
import { testKeyring } from './test-keyring.ts';

const IDENTITY: SecretIdentity = { secretId: 'role/app', owner: 'db-1', version: 3 };

describe('a sealed secret', () => {
  test('opens under the identity it was sealed for', async () => {
    const sealer = createSealer(await testKeyring('k1'));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (plaintext) => {
        expect(sealer.open(IDENTITY, sealer.seal(IDENTITY, plaintext))).toBe(plaintext);
      }),
    );
  });

  test('never looks the same twice, and does not show what it holds', async () => {
    const sealer = createSealer(await testKeyring('k1'));
    const [first, second] = [sealer.seal(IDENTITY, 'canary-secret'), sealer.seal(IDENTITY, 'canary-secret')];
    expect(first.bytes.equals(second.bytes)).toBe(false);
    expect(first.bytes.includes('canary')).toBe(false);
    expect(first.keyId).toBe('k1');
  });

  test.each([
    { ...IDENTITY, secretId: 'role/other' },
    { ...IDENTITY, owner: 'db-2' },
    { ...IDENTITY, version: 2 },
    { secretId: 'role/app","db-1', owner: '', version: 3 },
  ])('does not open for $secretId of $owner in version $version', async (other) => {
    const sealer = createSealer(await testKeyring('k1'));
    const sealed = sealer.seal(IDENTITY, 'canary-secret');
    expect(() => sealer.open(other, sealed)).toThrow(
      expect.objectContaining({ type: 'SecretUnreadable', retryable: false }),
    );
  });

  test('does not open once any byte was changed or cut off', async () => {
    const sealer = createSealer(await testKeyring('k1'));
    const { keyId, bytes } = sealer.seal(IDENTITY, 'secret');
    for (let index = 0; index < bytes.length; index += 1) {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(index) ^ 1, index);
      expect(() => sealer.open(IDENTITY, { keyId, bytes: altered })).toThrow(/was altered/);
      expect(() => sealer.open(IDENTITY, { keyId, bytes: bytes.subarray(0, index) })).toThrow(/was altered/);
    }
  });

  test('opens after a rotation, and not in a process that lacks its key', async () => {
    const sealed = createSealer(await testKeyring('k1')).seal(IDENTITY, 'secret');
    const rotated = createSealer(await testKeyring('k2', 'k1'));
    expect(rotated.open(IDENTITY, sealed)).toBe('secret');
    expect(rotated.seal(IDENTITY, 'secret').keyId).toBe('k2');
    const stranger = createSealer(await testKeyring('k2'));
    expect(() => stranger.open(IDENTITY, sealed)).toThrow(expect.objectContaining({ type: 'KeyUnavailable' }));
  });

  test('cannot be passed off as sealed with another key', async () => {
    const sealer = createSealer(await testKeyring('k1', 'k2'));
    const sealed = sealer.seal(IDENTITY, 'secret');
    expect(() => sealer.open(IDENTITY, { ...sealed, keyId: 'k2' })).toThrow(/was altered/);
  });
});

describe('a fingerprint', () => {
  test('matches the text it was made of and no other, also after a rotation', async () => {
    const fingerprint = createSealer(await testKeyring('k1')).fingerprint('{"password":"x"}');
    const rotated = createSealer(await testKeyring('k2', 'k1'));
    expect(rotated.matchesFingerprint('{"password":"x"}', fingerprint)).toBe(true);
    expect(rotated.matchesFingerprint('{"password":"y"}', fingerprint)).toBe(false);
    expect(rotated.fingerprint('{"password":"x"}')).not.toBe(fingerprint);
  });

  test('cannot be computed without the keyring', async () => {
    const [ours, theirs] = [createSealer(await testKeyring('k1')), createSealer(await testKeyring('k2'))];
    expect(() => theirs.matchesFingerprint('x', ours.fingerprint('x'))).toThrow(/"k1" is not in the keyring/);
    expect(ours.fingerprint('x')).toMatch(/^k1:[\w-]{43}$/);
  });
});
