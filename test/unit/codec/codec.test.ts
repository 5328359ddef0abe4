import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { createEncryptionCodec } from '../../../platform/temporal/codec.ts';
import { testKeyring } from '../secrets/test-keyring.ts';

describe('an encrypted payload', () => {
  test.each([
    ['an object', { password: 'canary-é', nested: [1, null] }],
    ['bytes', new Uint8Array([0, 255, 128])],
    ['nothing', undefined],
  ])('of %s comes back as it was', async (_, value) => {
    const codec = createEncryptionCodec({ keyring: await testKeyring('k1'), namespace: 'default' });
    const payload = defaultPayloadConverter.toPayload(value);
    expect(defaultPayloadConverter.fromPayload(await only(codec.decode([await encoded(codec, payload)])))).toEqual(
      value,
    );
  });

  test('shows encoding, cipher and key id, and nothing of the payload or its metadata', async () => {
    const codec = createEncryptionCodec({ keyring: await testKeyring('k1'), namespace: 'default' });
    const payload = await encoded(codec, {
      metadata: { encoding: Buffer.from('json/plain'), custom: Buffer.from('canary') },
      data: Buffer.from('"canary"'),
    });
    const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [
      name,
      Buffer.from(value).toString(),
    ]);
    expect(Object.fromEntries(metadata)).toEqual({
      encoding: 'binary/encrypted',
      'encryption-cipher': 'AES-256-GCM',
      'encryption-key-id': 'k1',
    });
    expect(Buffer.from(payload.data ?? []).toString('latin1')).not.toContain('canary');
  });

  test('never looks the same twice', async () => {
    const codec = createEncryptionCodec({ keyring: await testKeyring('k1'), namespace: 'default' });
    const payload = defaultPayloadConverter.toPayload('x');
    const [first, second] = await codec.encode([payload, payload]);
    expect(first?.data).not.toEqual(second?.data);
  });

  test('is read after a rotation of keys; an unknown key is named', async () => {
    const namespace = 'default';
    const payload = await encoded(createEncryptionCodec({ keyring: await testKeyring('k1'), namespace }), text('x'));
    const rotated = createEncryptionCodec({ keyring: await testKeyring('k2', 'k1'), namespace });
    expect(await only(rotated.decode([payload]))).toMatchObject({ data: Buffer.from('"x"') });
    const stranger = createEncryptionCodec({ keyring: await testKeyring('k2'), namespace });
    await expect(stranger.decode([payload])).rejects.toMatchObject({
      type: 'KeyUnavailable',
      details: { keyId: 'k1' },
    });
  });

  test('of another namespace, or with a changed byte, is refused', async () => {
    const keyring = await testKeyring('k1', 'k2');
    const codec = createEncryptionCodec({ keyring, namespace: 'default' });
    const payload = await encoded(codec, text('x'));
    const foreign = createEncryptionCodec({ keyring, namespace: 'other' });
    await expect(foreign.decode([payload])).rejects.toMatchObject({ type: 'SecretUnreadable' });
    const altered = Buffer.from(payload.data ?? []);
    altered.writeUInt8(altered.readUInt8(20) ^ 1, 20);
    const relabelled = { ...payload.metadata, 'encryption-key-id': Buffer.from('k2') };
    for (const bad of [
      { ...payload, data: altered },
      { ...payload, metadata: relabelled },
      { metadata: payload.metadata ?? {} },
    ]) {
      await expect(codec.decode([bad])).rejects.toThrow(/altered or does not belong to namespace default/);
    }
  });

  test('may stand beside payloads that are not encrypted, which pass as they are', async () => {
    const codec = createEncryptionCodec({ keyring: await testKeyring('k1'), namespace: 'default' });
    const plain = text('written by the Temporal CLI');
    const bare: Payload = {};
    const [first, second, third] = await codec.decode([plain, await encoded(codec, plain), bare]);
    expect(first).toBe(plain);
    expect(defaultPayloadConverter.fromPayload(second ?? bare)).toBe('written by the Temporal CLI');
    expect(third).toBe(bare);
    expect(await codec.encode([])).toEqual([]);
  });
});

function text(value: string): Payload {
  return defaultPayloadConverter.toPayload(value);
}

function encoded(codec: PayloadCodec, payload: Payload): Promise<Payload> {
  return only(codec.encode([payload]));
}

async function only(payloads: Promise<Payload[]>): Promise<Payload> {
  const [payload = {}, ...rest] = await payloads;
  expect(rest).toEqual([]);
  return payload;
}
