import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readConfig } from '../../platform/config/read-config.ts';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../platform/local/certificates.ts';
import { type Frontend, frontendOf } from '../../platform/temporal/frontend.ts';
import { checkTemporal } from '../../worker/doctor/check-temporal.ts';
import { until } from '../support/follow.ts';

let dir: string;
let pair: { cert: string; key: string };
const files = { ca: '', foreignCa: '', cert: '', key: '', apiKey: '' };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgsteward-frontend-'));
  const ca = await ensureCertificateAuthority(join(dir, 'ca'));
  await ensureCertificateAuthority(join(dir, 'foreign'));
  const made = await ensureServerCertificate({
    ca,
    dir: join(dir, 'server'),
    names: ['temporal.test'],
    addresses: ['127.0.0.1'],
  });
  pair = { cert: made.certificatePem, key: made.keyPem };
  files.ca = join(dir, 'ca', 'ca.crt');
  files.foreignCa = join(dir, 'foreign', 'ca.crt');
  files.cert = join(dir, 'server', 'server.crt');
  files.key = join(dir, 'server', 'server.key');
  files.apiKey = join(dir, 'api-key');
  await writeFile(files.apiKey, 'a-key-of-the-cloud\n', { mode: 0o600 });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** The Temporal server of the tests behind TLS; only clients with our certificate come through. */
async function behindTls(): Promise<{ address: string; stop(): Promise<void> }> {
  const [host = '', port = ''] = inject('servers').temporalAddress.split(':');
  const known = new X509Certificate(pair.cert).fingerprint256;
  const sockets = new Set<TLSSocket>();
  // It is a certificate for servers: what it is for is not looked at here, only that it is the one.
  const server = createServer({ ...pair, ALPNProtocols: ['h2'], requestCert: true, rejectUnauthorized: false });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    if (socket.getPeerCertificate().fingerprint256 !== known) return socket.destroy();
    const onwards = connect(Number(port), host);
    onwards.on('error', () => socket.destroy());
    return socket.pipe(onwards).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function temporalOf(env: Record<string, string>) {
  return readConfig(env, { platform: 'linux', uid: 0, workingDirectory: dir }).config.temporal;
}

async function canAsk(frontend: Frontend, connectTimeout = 30_000): Promise<boolean> {
  try {
    const connection = await Connection.connect({ ...frontend, connectTimeout });
    await connection.close();
    const native = await NativeConnection.connect({ ...frontend });
    await native.close();
    return true;
  } catch {
    return false;
  }
}

describe('a Temporal frontend behind TLS', () => {
  let frontend: Awaited<ReturnType<typeof behindTls>>;
  beforeAll(async () => {
    frontend = await behindTls();
  });
  afterAll(() => frontend.stop());

  const settings = () => ({
    TEMPORAL_ADDRESS: frontend.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.ca,
    TEMPORAL_TLS_CLIENT_CERT_PATH: files.cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: files.key,
  });

  test('is reached with the authority and the certificate that were configured, by both kinds of connection', async () => {
    expect(await canAsk(await frontendOf(temporalOf(settings())))).toBe(true);
    const named = { ...settings(), TEMPORAL_TLS_SERVER_NAME: 'temporal.test' };
    expect(await canAsk(await frontendOf(temporalOf(named)))).toBe(true);
  });

  test('is not spoken to with another authority, for another name, without our certificate, or in the clear', async () => {
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _, TEMPORAL_TLS_CLIENT_KEY_PATH: __, ...anonymous } = settings();
    const wrong = [
      { ...settings(), TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.foreignCa },
      { ...settings(), TEMPORAL_TLS_SERVER_NAME: 'elsewhere.test' },
      anonymous,
      { TEMPORAL_ADDRESS: frontend.address },
    ];
    const reached = await Promise.all(wrong.map(async (env) => canAsk(await frontendOf(temporalOf(env)), 2_000)));
    expect(reached).toEqual([false, false, false, false]);
  });

  test('is checked by the doctor, which says what is wrong with it', async () => {
    const { config } = readConfig(settings(), { platform: 'linux', uid: 0, workingDirectory: dir });
    expect((await checkTemporal(config))[0]).toMatchObject({ subject: 'Temporal', state: 'ok' });
    const lacking = readConfig(
      { ...settings(), TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(dir, 'nowhere.crt') },
      { platform: 'linux', uid: 0, workingDirectory: dir },
    );
    expect((await checkTemporal(lacking.config))[0]).toMatchObject({
      state: 'problem',
      says: expect.stringContaining('nowhere.crt cannot be read'),
    });
  });
});

test('an API key is sent with each call, over TLS, and read from a file that others may not read', async () => {
  const seen: unknown[] = [];
  const server = createSecureServer({ ...pair });
  server.on('stream', (stream, headers) => {
    seen.push(headers.authorization);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const env = {
      TEMPORAL_ADDRESS: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      TEMPORAL_API_KEY_FILE: files.apiKey,
    };
    const temporal = temporalOf({ ...env, TEMPORAL_TLS_SERVER_CA_CERT_PATH: files.ca });
    // The key alone asks for TLS.
    expect((await frontendOf(temporalOf(env))).tls).toEqual({});
    await canAsk(await frontendOf(temporal), 2_000);
    await until(async () => seen.includes('Bearer a-key-of-the-cloud') || undefined);
    await chmod(files.apiKey, 0o644);
    await expect(frontendOf(temporal)).rejects.toThrow('only its owner may read it');
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
