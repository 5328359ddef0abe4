import type { z } from '@hono/zod-openapi';
import {
  type Channel,
  type DestinationProblem,
  type SmtpConfig,
  smtpProblem,
  type WebhookConfig,
  webhookProblem,
} from '../../domain/notifications/channel.ts';
import type { Problem } from '../../domain/spec/problems.ts';
import { invalidInput } from '../errors.ts';
import type { changedConfigSchema, createChannelSchema } from '../schemas/notification.ts';

type Submitted = z.infer<typeof createChannelSchema>;
type SubmittedSmtp = Extract<Submitted, { kind: 'smtp' }>['config'];
type Changes = z.infer<typeof changedConfigSchema>;

/** Where a channel leads: what is shown of it, and what is not. */
export interface Destination {
  config: Channel['config'];
  /** URL of a webhook, or password of a mail server. */
  secret: string | undefined;
}

/** @throws ApiError 400 */
export function destinationOf(submitted: Submitted): Destination {
  if (submitted.kind !== 'smtp') return webhook(submitted.config.webhook_url, submitted.config.allow_insecure);
  const { password, ...rest } = submitted.config;
  return mailServer(smtpConfigOf(rest), password);
}

/**
 * Where a channel leads once these members of its `config` have changed.
 * @param channel as it is
 * @param secret as it is
 * @throws ApiError 400
 */
export function changedDestination(channel: Channel, secret: string | undefined, changes: Changes): Destination {
  const foreign = Object.keys(changes).filter((member) => !isMember(member, channel.kind));
  if (foreign.length > 0) throw invalidInput(foreign.map((member) => notOfKind(member, channel.kind)));
  if (channel.kind !== 'smtp') {
    return webhook(changes.webhook_url ?? secret ?? '', changes.allow_insecure ?? channel.config.allowInsecure);
  }
  const before = channel.config;
  const config = smtpConfigOf({
    host: changes.host ?? before.host,
    port: changes.port ?? before.port,
    security: changes.security ?? before.security,
    user: changes.user === undefined ? before.user : (changes.user ?? undefined),
    from: changes.from ?? before.from,
    to: changes.to ?? before.to,
    ca_certificate: changes.ca_certificate === undefined ? before.caCertificate : (changes.ca_certificate ?? undefined),
    allow_insecure: changes.allow_insecure ?? before.allowInsecure,
  });
  if (changes.user === null) return mailServer(config, changes.password);
  const leadsElsewhere = LEADS.filter((part) => before[part] !== config[part]);
  if (secret !== undefined && changes.password === undefined && leadsElsewhere.length > 0) {
    const message = `is required, because ${leadsElsewhere.map((part) => SHOWN_AS[part] ?? part).join(', ')} would change`;
    throw invalidInput([{ path: 'config.password', message }]);
  }
  return mailServer(config, changes.password ?? secret);
}

/** Parts whose change could lead the password to somebody else: they need it again, like those of a server (R4). */
const LEADS = [
  'host',
  'port',
  'security',
  'user',
  'caCertificate',
  'allowInsecure',
] as const satisfies (keyof SmtpConfig)[];

/** Names that differ in the API. */
const SHOWN_AS: Readonly<Record<string, string>> = { caCertificate: 'ca_certificate', allowInsecure: 'allow_insecure' };

function isMember(member: string, kind: Channel['kind']): boolean {
  return member === 'allow_insecure' || (member === 'webhook_url') === (kind !== 'smtp');
}

function notOfKind(member: string, kind: Channel['kind']): Problem {
  return { path: `config.${member}`, message: `is no setting of a channel of kind ${kind}` };
}

function webhook(url: string, allowInsecure: boolean): Destination & { config: WebhookConfig } {
  assertNone(webhookProblem(url, allowInsecure));
  return { config: { host: new URL(url).host, allowInsecure }, secret: url };
}

function mailServer(config: SmtpConfig, password: string | undefined): Destination {
  assertNone(smtpProblem(config, password !== undefined));
  return { config, secret: password };
}

function assertNone(problem: DestinationProblem | undefined): void {
  if (problem !== undefined) throw invalidInput([problem]);
}

function smtpConfigOf(submitted: Omit<SubmittedSmtp, 'password'>): SmtpConfig {
  const { host, port, security, user, from, to, ca_certificate: caCertificate } = submitted;
  return {
    ...{ host, port, security, from, to, allowInsecure: submitted.allow_insecure },
    ...(user === undefined ? {} : { user }),
    ...(caCertificate === undefined ? {} : { caCertificate }),
  };
}
