import nodemailer from 'nodemailer';
import type SMTPTransport from 'nodemailer/lib/smtp-transport/index.js';
import { judgeSmtp, type Rejection } from '../../domain/notifications/answer.ts';
import type { SmtpConfig } from '../../domain/notifications/channel.ts';
import type { MailText } from '../../domain/notifications/mail.ts';

/** Until the server has greeted, and between any two of its answers. */
const TIMEOUT_MS = 15_000;

/** What the types of nodemailer do not know yet. */
type Options = SMTPTransport.Options & { forceAuth?: boolean };

/**
 * Hands a mail to a server. TLS that is asked for has to be there, and so has the login: a server that offers less gets nothing.
 * Neither the password nor anything that the server said but its codes is in what this says.
 * @returns `rejection` when the server has not taken the mail, `refusedRecipients` when it has taken it for others
 */
export async function sendMail(send: {
  config: SmtpConfig;
  password: string | undefined;
  mail: MailText;
  deliveryId: string;
  signal: AbortSignal;
}): Promise<{ rejection?: Rejection; refusedRecipients: number }> {
  const { mail, config, signal } = send;
  const transport = nodemailer.createTransport(optionsOf(config, send.password));
  try {
    const { rejected } = await transport.sendMail({
      ...mail,
      from: addressOf(config.from),
      to: config.to.map(addressOf),
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Pgsteward-Delivery': send.deliveryId },
      signal,
    } as SMTPTransport.MailOptions);
    return { refusedRecipients: rejected.length };
  } catch (error) {
    signal.throwIfAborted();
    return { rejection: judgeSmtp(saidIn(error)), refusedRecipients: 0 };
  } finally {
    transport.close();
  }
}

function optionsOf(config: SmtpConfig, password: string | undefined): Options {
  const { host, port, security, user, caCertificate } = config;
  return {
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(caCertificate === undefined ? {} : { tls: { ca: caCertificate } }),
    ...(user === undefined || password === undefined ? {} : { auth: { user, pass: password }, forceAuth: true }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** As an object, so that nothing in it is read as a list or a display name. */
const addressOf = (address: string) => ({ name: '', address });

/** What a failed conversation can be judged by. */
function saidIn(error: unknown): { responseCode?: number; code?: string; response?: string } {
  const read = <T>(name: string, is: (value: unknown) => value is T): T | undefined => {
    const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
    return is(value) ? value : undefined;
  };
  const isText = (value: unknown): value is string => typeof value === 'string';
  const isNumber = (value: unknown): value is number => typeof value === 'number';
  const [responseCode, response] = [read('responseCode', isNumber), read('response', isText)];
  const kind = read('code', isText);
  // Of a connection that failed, the system's own code says more.
  const code = responseCode === undefined && kind !== 'EAUTH' ? (read('originalCode', isText) ?? kind) : kind;
  return {
    ...(responseCode === undefined ? {} : { responseCode }),
    ...(code === undefined ? {} : { code }),
    ...(response === undefined ? {} : { response }),
  };
}
