import type { ChannelFilter } from './filter.ts';

/** Ways that messages go. */
export const CHANNEL_KINDS = ['slack', 'webex', 'smtp'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** What is stored of an incoming webhook. Its URL is the secret: whoever has it may write there. */
export interface WebhookConfig {
  /** Host of the URL, so that people can tell channels apart. */
  host: string;
  /** Without TLS, to other machines too. */
  allowInsecure: boolean;
}

/** How the connection to a mail server is protected: from the first byte, by STARTTLS (which has to be there), or not. */
export const SMTP_SECURITY = ['starttls', 'tls', 'none'] as const;

/** What is stored of a mail server. The secret is the password of `user`. */
export interface SmtpConfig {
  host: string;
  port: number;
  security: (typeof SMTP_SECURITY)[number];
  user?: string;
  from: string;
  to: string[];
  /** PEM of the CA that signed the server's certificate, where no public one did. */
  caCertificate?: string;
  allowInsecure: boolean;
}

/** A channel and where it leads, without its secret. */
export type Channel = { id: string; name: string; enabled: boolean } & ChannelFilter &
  ({ kind: 'slack' | 'webex'; config: WebhookConfig } | { kind: 'smtp'; config: SmtpConfig });

/** A destination that is refused: the member of the request, and what is wrong with it. */
export interface DestinationProblem {
  path: string;
  message: string;
}

const NEEDS_TLS = 'without TLS only this machine may be reached, unless allow_insecure is true';

/** What is wrong with the URL of a webhook. The URL itself is not repeated. */
export function webhookProblem(url: string, allowInsecure: boolean): DestinationProblem | undefined {
  const refused = (message: string) => ({ path: 'config.webhook_url', message });
  if (!URL.canParse(url)) return refused('must be a URL');
  const { protocol, hostname, username, password } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return refused('must begin with https://');
  if (username !== '' || password !== '') return refused('must not hold user and password');
  if (protocol === 'http:' && !allowInsecure && !isThisMachine(hostname)) return refused(NEEDS_TLS);
  return undefined;
}

/** What is wrong with the settings of a mail server. */
export function smtpProblem(config: SmtpConfig, hasPassword: boolean): DestinationProblem | undefined {
  const { security, host, user, allowInsecure } = config;
  if (security === 'none' && !allowInsecure && !isThisMachine(host)) {
    return { path: 'config.security', message: NEEDS_TLS };
  }
  if ((user !== undefined) !== hasPassword) {
    return { path: 'config.password', message: 'user and password belong together' };
  }
  return undefined;
}

/** As `URL.hostname` has it, or as somebody wrote it. */
function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
