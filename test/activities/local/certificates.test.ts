import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CertificateAuthority,
  ensureCertificateAuthority,
  ensureServerCertificate,
  type KeyedCertificate,
} from '../../../platform/local/certificates.ts';
import { signCertificate } from '../../../platform/local/sign-certificate.ts';
import { makeStateDirectory } from './state-directory.ts';

const names = ['host-1', 'localhost'] as const;
const addresses = ['127.0.0.1', '::1'];

describe('a local server certificate', () => {
  let directory: Awaited<ReturnType<typeof makeStateDirectory>>;
  let ca: CertificateAuthority;
  let dir: string;
  let kept: KeyedCertificate;

  beforeEach(async () => {
    directory = await makeStateDirectory();
    dir = join(directory.path, 'server');
    ca = await ensureCertificateAuthority(join(directory.path, 'ca'));
    kept = await ensureServerCertificate({ ca, dir, names, addresses });
  });
  afterEach(() => directory.remove());

  it.each([...names, '127.0.0.1'])('is accepted as %s by a client that verifies fully', async (host) => {
    await expect(handshake(kept, { ca: ca.certificatePem, host })).resolves.toBe(true);
  });

  it('is not accepted under another name, or by a client of another authority', async () => {
    const other = await ensureCertificateAuthority(join(directory.path, 'other'));

    await expect(handshake(kept, { ca: ca.certificatePem, host: 'host-2' })).rejects.toThrow(/altnames/);
    await expect(handshake(kept, { ca: other.certificatePem, host: 'host-1' })).rejects.toThrow(/certificate/);
  });

  it('is kept, with its authority, while nothing changes', async () => {
    expect(await ensureCertificateAuthority(join(directory.path, 'ca'))).toEqual(ca);
    expect(await ensureServerCertificate({ ca, dir, names, addresses })).toEqual(kept);
  });

  it('is made anew when its names or addresses change', async () => {
    const renamed = await ensureServerCertificate({ ca, dir, names: ['host-2', 'localhost'], addresses });
    const fewer = await ensureServerCertificate({ ca, dir, names: ['host-2', 'localhost'], addresses: ['127.0.0.1'] });

    expect(new X509Certificate(renamed.certificatePem).subjectAltName).toContain('DNS:host-2');
    expect(new X509Certificate(renamed.certificatePem).subject).toBe('CN=host-2');
    expect(new X509Certificate(fewer.certificatePem).subjectAltName).not.toContain('0:0:0:0:0:0:0:1');
  });

  it('is made anew when its authority is another one', async () => {
    const other = await ensureCertificateAuthority(join(directory.path, 'other'));

    const signed = await ensureServerCertificate({ ca: other, dir, names, addresses });

    expect(new X509Certificate(signed.certificatePem).verify(createPublicKey(other.certificatePem))).toBe(true);
  });

  it('is made anew in its last month', async () => {
    const signer = {
      commonName: 'pgsteward local CA',
      publicKey: createPublicKey(ca.certificatePem),
      privateKey: createPrivateKey(ca.keyPem),
    };
    const use = { kind: 'server', names, addresses } as const;
    const publicKey = createPublicKey(kept.certificatePem);
    const withDaysLeft = async (days: number) => {
      const certificatePem = signCertificate({ commonName: 'host-1', publicKey, days, use }, signer);
      await writeFile(join(dir, 'server.crt'), certificatePem);
      const found = await ensureServerCertificate({ ca, dir, names, addresses });
      return found.certificatePem === certificatePem;
    };

    expect(await withDaysLeft(31)).toBe(true);
    expect(await withDaysLeft(29)).toBe(false);
  });

  it('is made anew when its key is not its own', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(dir, 'server.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));

    const made = await ensureServerCertificate({ ca, dir, names, addresses });

    expect(made.certificatePem).not.toBe(kept.certificatePem);
    expect(new X509Certificate(made.certificatePem).checkPrivateKey(createPrivateKey(made.keyPem))).toBe(true);
  });

  it('and its authority have keys that only their owner may read', async () => {
    const keys = [join(directory.path, 'ca', 'ca.key'), join(dir, 'server.key')];

    for (const key of keys) expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect(await readFile(ca.certificateFile, 'utf8')).toBe(ca.certificatePem);
  });
});

/** A TLS handshake with a server that has `pair`, by a client that trusts `ca` and wants to speak to `host`. */
async function handshake(pair: KeyedCertificate, client: { ca: string; host: string }): Promise<boolean> {
  const server = createServer({ cert: pair.certificatePem, key: pair.keyPem });
  // A client that refuses the certificate resets the connection.
  server.on('connection', (socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  let socket: TLSSocket | undefined;
  try {
    // Node sends no server name for an address, and verifies against `host`.
    const target = client.host === '127.0.0.1' ? { host: client.host } : { host: '127.0.0.1', servername: client.host };
    socket = connect({ ...target, port: address.port, ca: client.ca });
    await once(socket, 'secureConnect');
    return socket.authorized;
  } finally {
    socket?.destroy();
    server.close();
  }
}
