import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { ensureCertificateAuthority, ensureServerCertificate } from '../../../platform/local/certificates.ts';
import { until } from '../../support/follow.ts';

/** A mail that arrived. */
export interface Mail {
  raw: string;
  to: string[];
  from: string;
  /** Over TLS, and after a login as this user. */
  secure: boolean;
  user: string | undefined;
}

/** A mail server with STARTTLS and AUTH, and a certificate of its own CA. */
export interface MailServer {
  port: number;
  caCertificate: string;
  mails: Mail[];
  /** Passwords that somebody has tried. */
  tried: string[];
  /** Refuses the next recipients with these codes, one after the other. */
  refuse(...codes: number[]): void;
  arrived(count: number): Promise<Mail[]>;
  stop(): Promise<void>;
}

/** @param options.startTls false: it offers none */
export async function startMailServer(options: {
  directory: string;
  user: string;
  password: string;
  startTls?: boolean;
}): Promise<MailServer> {
  const ca = await ensureCertificateAuthority(`${options.directory}/mail-ca`);
  const certificate = await ensureServerCertificate({
    ca,
    dir: `${options.directory}/mail-tls`,
    names: ['localhost'],
    addresses: ['127.0.0.1'],
  });
  const mails: Mail[] = [];
  const tried: string[] = [];
  let refusals: number[] = [];
  const server = new SMTPServer({
    key: certificate.keyPem,
    cert: certificate.certificatePem,
    authOptional: false,
    allowInsecureAuth: options.startTls === false,
    ...(options.startTls === false ? { disabledCommands: ['STARTTLS'] } : {}),
    logger: false,
    onAuth({ username, password }, _session, callback) {
      tried.push(String(password));
      if (username === options.user && password === options.password) callback(null, { user: options.user });
      else callback(refusal(535, `5.7.8 ${password} is wrong`));
    },
    onRcptTo(_address, _session, callback) {
      const code = refusals.shift();
      if (code === undefined) callback();
      else callback(refusal(code, 'not now'));
    },
    async onData(stream, session, callback) {
      const { mailFrom, rcptTo } = session.envelope;
      const raw = await text(stream);
      const from = mailFrom === false ? '' : mailFrom.address;
      const to = rcptTo.map(({ address }) => address);
      mails.push({ raw, from, to, secure: session.secure, user: session.user as string | undefined });
      callback();
    },
  });
  // A client that does not trust the certificate ends the connection.
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    caCertificate: ca.certificatePem,
    mails,
    tried,
    refuse(...codes) {
      refusals = codes;
    },
    arrived: (count) => until(async () => (mails.length >= count ? mails : undefined)),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
