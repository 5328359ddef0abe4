import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writePrivateFile } from '../files/write-private-file.ts';
import { signCertificate } from './sign-certificate.ts';

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  certificatePem: string;
  keyPem: string;
}

/** The local certificate authority. */
export interface CertificateAuthority extends KeyedCertificate {
  /** Where clients find the certificate that they have to trust. */
  certificateFile: string;
}

const AUTHORITY_NAME = 'pgsteward local CA';
const AUTHORITY_DAYS = 3_650;
/** Above 825 days Apple's TLS refuses a server certificate, whoever signed it. */
const SERVER_DAYS = 730;
/** A certificate that ends sooner is replaced, so that a stack that stays up for weeks does not outlive it. */
const RENEW_MS = 30 * 86_400_000;

/** The authority kept in `dir` (`ca.crt`, `ca.key`, both 0600): made at the first call, and anew in the last month of its ten years. */
export async function ensureCertificateAuthority(dir: string): Promise<CertificateAuthority> {
  const certificateFile = join(dir, 'ca.crt');
  const files = { certificate: certificateFile, key: join(dir, 'ca.key') };
  const kept = await readPair(files, (certificate) => certificate.ca);
  if (kept !== undefined) return { ...kept, certificateFile };

  const keys = generateKeys();
  const certificatePem = signCertificate(
    { commonName: AUTHORITY_NAME, publicKey: keys.publicKey, days: AUTHORITY_DAYS, use: { kind: 'authority' } },
    { commonName: AUTHORITY_NAME, ...keys },
  );
  await writePair(files, { certificatePem, keyPem: keys.keyPem });
  return { certificatePem, keyPem: keys.keyPem, certificateFile };
}

/**
 * The server certificate kept in `dir` (`server.crt`, `server.key`, both 0600), signed by `ca`. It is made anew when
 * less than 30 of its 730 days are left, when the names or addresses differ, and when the authority is another one.
 * The common name is the first of `names`.
 */
export async function ensureServerCertificate(options: {
  ca: CertificateAuthority;
  dir: string;
  /** Host names. */
  names: readonly [string, ...string[]];
  /** IP addresses. */
  addresses: readonly string[];
}): Promise<KeyedCertificate> {
  const { ca, dir, names, addresses } = options;
  const files = { certificate: join(dir, 'server.crt'), key: join(dir, 'server.key') };
  const authorityKey = createPublicKey(ca.certificatePem);
  const kept = await readPair(
    files,
    (certificate) => certificate.verify(authorityKey) && namesExactly(certificate, names, addresses),
  );
  if (kept !== undefined) return kept;

  const keys = generateKeys();
  const certificatePem = signCertificate(
    { commonName: names[0], publicKey: keys.publicKey, days: SERVER_DAYS, use: { kind: 'server', names, addresses } },
    { commonName: AUTHORITY_NAME, publicKey: authorityKey, privateKey: createPrivateKey(ca.keyPem) },
  );
  await writePair(files, { certificatePem, keyPem: keys.keyPem });
  return { certificatePem, keyPem: keys.keyPem };
}

function namesExactly(of: X509Certificate, names: readonly string[], addresses: readonly string[]): boolean {
  return (
    of.subjectAltName?.split(', ').length === names.length + addresses.length &&
    names.every((name) => of.checkHost(name, { subject: 'never' }) !== undefined) &&
    addresses.every((address) => of.checkIP(address) !== undefined)
  );
}

function generateKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey, privateKey, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** What is on disk, unless it is missing, broken, not a pair (a write was interrupted), near its end, or not accepted. */
async function readPair(
  files: { certificate: string; key: string },
  accepts: (certificate: X509Certificate) => boolean,
): Promise<KeyedCertificate | undefined> {
  try {
    const certificatePem = await readFile(files.certificate, 'utf8');
    const keyPem = await readFile(files.key, 'utf8');
    const certificate = new X509Certificate(certificatePem);
    const lasts = Date.parse(certificate.validTo) - Date.now() > RENEW_MS;
    return lasts && certificate.checkPrivateKey(createPrivateKey(keyPem)) && accepts(certificate)
      ? { certificatePem, keyPem }
      : undefined;
  } catch {
    return undefined;
  }
}

async function writePair(files: { certificate: string; key: string }, pair: KeyedCertificate): Promise<void> {
  // Not 0700: this may make the state directory too, which PostgreSQL has to pass through as another user when we are root.
  await mkdir(dirname(files.key), { recursive: true, mode: 0o711 });
  await writePrivateFile(files.key, pair.keyPem);
  await writePrivateFile(files.certificate, pair.certificatePem);
}
