import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import * as x509 from '@peculiar/asn1-x509';

/** What a certificate says, apart from the names of its signer. */
export interface CertificateRequest {
  commonName: string;
  publicKey: KeyObject;
  days: number;
  /** An authority signs others; a server has the names and addresses that clients reach it by. */
  use: { kind: 'authority' } | { kind: 'server'; names: readonly string[]; addresses: readonly string[] };
}

/** The authority that signs: common name and EC P-256 key pair. */
export interface Signer {
  commonName: string;
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const DAY_MS = 86_400_000;
/** Certificates start a little in the past, for clients in virtual machines whose clock runs behind. */
const CLOCK_SKEW_MS = 300_000;
const COMMON_NAME = '2.5.4.3';
const ECDSA_WITH_SHA256 = new x509.AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });

/** An X.509 version 3 certificate (RFC 5280), signed with ECDSA and SHA-256; PEM. */
export function signCertificate(request: CertificateRequest, signer: Signer): string {
  const notBefore = new Date(Date.now() - CLOCK_SKEW_MS);
  const publicKeyInfo = describeKey(request.publicKey);
  const content = new x509.TBSCertificate({
    version: x509.Version.v3,
    // Serial numbers are positive: the leading 1 keeps the sign bit clear (RFC 5280, 4.1.2.2).
    serialNumber: toBuffer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    signature: ECDSA_WITH_SHA256,
    issuer: nameOf(signer.commonName),
    validity: new x509.Validity({ notBefore, notAfter: new Date(notBefore.getTime() + request.days * DAY_MS) }),
    subject: nameOf(request.commonName),
    subjectPublicKeyInfo: publicKeyInfo,
    extensions: new x509.Extensions([
      ...extensionsFor(request.use),
      extension(x509.id_ce_subjectKeyIdentifier, new x509.SubjectKeyIdentifier(keyIdentifier(publicKeyInfo))),
      extension(
        x509.id_ce_authorityKeyIdentifier,
        new x509.AuthorityKeyIdentifier({
          keyIdentifier: new x509.KeyIdentifier(keyIdentifier(describeKey(signer.publicKey))),
        }),
      ),
    ]),
  });
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(content)), signer.privateKey);
  const certificate = new x509.Certificate({
    tbsCertificate: content,
    signatureAlgorithm: ECDSA_WITH_SHA256,
    signatureValue: toBuffer(signature),
  });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
}

function extensionsFor(use: CertificateRequest['use']): x509.Extension[] {
  switch (use.kind) {
    case 'authority':
      return [
        extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
        extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.keyCertSign), true),
      ];
    case 'server':
      return [
        extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: false }), true),
        extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.digitalSignature), true),
        extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
        extension(
          x509.id_ce_subjectAltName,
          new x509.SubjectAlternativeName([
            ...use.names.map((dNSName) => new x509.GeneralName({ dNSName })),
            ...use.addresses.map((iPAddress) => new x509.GeneralName({ iPAddress })),
          ]),
        ),
      ];
  }
}

function extension(extnID: string, value: unknown, critical = false): x509.Extension {
  return new x509.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

function nameOf(commonName: string): x509.Name {
  const value = new x509.AttributeValue({ utf8String: commonName });
  return new x509.Name([
    new x509.RelativeDistinguishedName([new x509.AttributeTypeAndValue({ type: COMMON_NAME, value })]),
  ]);
}

function describeKey(key: KeyObject): x509.SubjectPublicKeyInfo {
  return AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), x509.SubjectPublicKeyInfo);
}

/** RFC 5280, 4.2.1.2, method 1. */
function keyIdentifier(of: x509.SubjectPublicKeyInfo): ArrayBuffer {
  return toBuffer(createHash('sha1').update(Buffer.from(of.subjectPublicKey)).digest());
}

/** An ArrayBuffer of exactly these bytes: a Buffer may be a window on a larger one. */
function toBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
