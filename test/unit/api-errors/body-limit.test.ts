import { once } from 'node:events';
import { connect } from 'node:net';
import { serve } from '@hono/node-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestApp } from './app.ts';

let server: ReturnType<typeof serve>;
let port: number;

beforeAll(async () => {
  server = serve({ fetch: createTestApp().fetch, hostname: '127.0.0.1', port: 0 });
  if (!server.listening) await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  port = address.port;
});

afterAll(async () => {
  server.close();
  await once(server, 'close');
});

const megabyte = JSON.stringify({ id: 'x'.repeat(1_000_000) });

test.each([
  ['with its length announced', megabyte],
  ['in chunks', new Blob([megabyte]).stream()],
])('a body of a megabyte %s is 413 in the contract’s shape', async (_name, body) => {
  const response = await fetch(`http://127.0.0.1:${port}/v1/databases`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Connection: 'close' },
    body,
    duplex: 'half',
  });
  expect(response.status).toBe(413);
  expect(response.headers.get('goa-error')).toBe('payload_too_large');
  expect(await response.json()).toEqual({
    name: 'payload_too_large',
    message: expect.stringMatching(/exceeds \d+ bytes/),
  });
});

test('a client that announces a huge body is answered without sending it', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'POST /v1/databases HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000000\r\nConnection: close\r\n\r\n',
  );
  const [head] = await once(socket, 'data');
  socket.destroy();
  expect(String(head)).toMatch(/^HTTP\/1\.1 413 /);
});
