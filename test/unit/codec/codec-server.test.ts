import { once } from 'node:events';
import { createServer } from 'node:http';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEncryptionCodec } from '../../../platform/temporal/codec.ts';
import { type CodecServerOptions, createCodecServer } from '../../../platform/temporal/codec-server.ts';
import { testKeyring } from '../secrets/test-keyring.ts';

const UI = 'http://127.0.0.1:8233';

describe('the Temporal UI', () => {
  test('reads what the codec encrypted', async () => {
    const { decode, encoded } = await codecServer({});
    const response = await decode({ origin: UI }, { payloads: [await encoded({ database: 'storefront' })] });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(UI);
    expect(await response.json()).toEqual({
      payloads: [
        {
          metadata: { encoding: Buffer.from('json/plain').toString('base64') },
          data: Buffer.from('{"database":"storefront"}').toString('base64'),
        },
      ],
    });
  });

  test('may send the headers that it sends', async () => {
    const { url } = await codecServer({});
    const response = await fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin: UI,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-namespace',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(UI);
    expect(response.headers.get('access-control-allow-methods')).toBe('POST');
    expect(response.headers.get('access-control-allow-headers')?.split(',').sort()).toEqual([
      'authorization',
      'content-type',
      'x-namespace',
    ]);
  });
});

describe('everybody else', () => {
  test.each([
    'http://localhost:8233',
    'https://127.0.0.1:8233',
    'http://127.0.0.1:82330',
    'http://evil.example',
    'null',
  ])('at origin %s is refused without a CORS header, before and after a preflight', async (origin) => {
    const { url, decode, encoded } = await codecServer({ bearerToken: 'a-token' });
    const payloads = [await encoded('canary')];
    const responses = [
      await decode({ origin }, { payloads }),
      await decode({ origin, authorization: 'Bearer a-token' }, { payloads }),
      await fetch(`${url}/decode`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } }),
    ];
    for (const response of responses) {
      expect(response.status).toBe(403);
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(await response.text()).not.toContain(Buffer.from('"canary"').toString('base64'));
    }
  });

  test('without an origin needs the bearer token, where there is one', async () => {
    const open = await codecServer({ bearerToken: 'a-token' });
    const body = { payloads: [await open.encoded('x')] };
    expect((await open.decode({ authorization: 'Bearer a-token' }, body)).status).toBe(200);
    expect((await open.decode({ authorization: 'Bearer b-token' }, body)).status).toBe(403);
    expect((await open.decode({}, body)).status).toBe(403);
    const closed = await codecServer({});
    expect((await closed.decode({}, body)).status).toBe(403);
    expect((await closed.decode({ authorization: 'Bearer undefined' }, body)).status).toBe(403);
  });

  test('cannot encode', async () => {
    const { url } = await codecServer({});
    const response = await fetch(`${url}/encode`, { method: 'POST', headers: { origin: UI }, body: '{"payloads":[]}' });
    expect(response.status).toBe(404);
  });
});

describe('a request that cannot be served', () => {
  test.each([
    ['malformed JSON', '{', 400],
    ['no payloads', {}, 400],
    ['data that is not base64', { payloads: [{ data: '%' }] }, 400],
    ['metadata that is not base64', { payloads: [{ metadata: { encoding: '%' } }] }, 400],
    ['more than 8 MB', { payloads: [{ data: 'A'.repeat(8 * 1024 * 1024) }] }, 413],
  ])('because of %s is answered with the reason', async (_, body, status) => {
    const { decode } = await codecServer({});
    const response = await decode({ origin: UI }, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ message: expect.any(String) });
  });

  test('for another namespace, or with a payload of another key, is answered with the reason', async () => {
    const { url, decode } = await codecServer({});
    const foreign = createEncryptionCodec({ keyring: await testKeyring('k9'), namespace: 'default' });
    const [payload = {}] = await foreign.encode([defaultPayloadConverter.toPayload('x')]);
    const unknownKey = await decode({ origin: UI }, { payloads: [wire(payload)] });
    expect(unknownKey.status).toBe(400);
    expect(await unknownKey.json()).toEqual({
      message: 'key "k9" is not in the keyring of this process: copy the newest keyring file here, and start it again',
    });
    const headers = { origin: UI, 'x-namespace': 'other' };
    const response = await fetch(`${url}/decode`, { method: 'POST', headers, body: '{"payloads":[]}' });
    expect(response.status).toBe(400);
  });
});

test('a busy port is named together with the variable that moves it', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void blocker.close());
  await once(blocker, 'listening');
  const address = blocker.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const server = createCodecServer({ codecFor: () => undefined, uiOrigins: [UI], address: '127.0.0.1', port });
  await expect(server.listen()).rejects.toMatchObject({
    type: 'PortInUse',
    message: `port ${port} is in use; set PGSTEWARD_CODEC_PORT to another one`,
  });
  await expect(server.close()).resolves.toBeUndefined();
});

test('closing ends connections that are kept alive, and may be repeated', async () => {
  const { server, decode } = await codecServer({});
  await (await decode({ origin: UI }, { payloads: [] })).text();
  await server.close();
  await server.close();
  await expect(decode({ origin: UI }, { payloads: [] })).rejects.toThrow();
});

async function codecServer(options: Partial<CodecServerOptions>) {
  const codec = createEncryptionCodec({ keyring: await testKeyring('k1'), namespace: 'default' });
  const server = createCodecServer({
    codecFor: (namespace) => (namespace === 'default' ? codec : undefined),
    uiOrigins: [UI],
    address: '127.0.0.1',
    port: 0,
    ...options,
  });
  const { address, port } = await server.listen();
  onTestFinished(() => server.close());
  const url = `http://${address}:${port}`;
  return {
    server,
    url,
    encoded: async (value: unknown) => {
      const [payload = {}] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
      return wire(payload);
    },
    decode: (headers: Record<string, string>, body: unknown) =>
      fetch(`${url}/decode`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** A payload as the UI sends it. */
function wire({ metadata, data }: Payload): { metadata: Record<string, string>; data: string } {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
    data: base64(data ?? new Uint8Array()),
  };
}
