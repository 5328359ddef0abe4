import { z } from '@hono/zod-openapi';
import { IDENTIFIER_MAX_LENGTH, IDENTIFIER_RULE, isIdentifier } from '../../domain/identifiers.ts';
import { CHANNEL_KINDS, SMTP_SECURITY } from '../../domain/notifications/channel.ts';
import { isEventPattern } from '../../domain/notifications/filter.ts';
import { DELIVERY_STATES } from '../../store/notification-deliveries.ts';
import { timestamp } from './common.ts';
import { pageParts } from './paging.ts';

const MAX_PATTERNS = 64;
const MAX_RECIPIENTS = 50;
const MAX_URL = 2048;
const MAX_PEM = 131_072;
/** No white space, quotes, lists or comments: an address, and nothing that a header could be made of. */
const MAIL_ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const HOST = /^[A-Za-z0-9:](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?$/;

const name = z.string().min(1).max(IDENTIFIER_MAX_LENGTH).refine(isIdentifier, IDENTIFIER_RULE);
const mailAddress = z
  .string()
  .max(320)
  .refine((text) => MAIL_ADDRESS.test(text), 'must be a mail address alone, such as ops@example.com');
const allowInsecure = z.boolean().describe('Let it go without TLS to another machine.');

const events = z
  .array(z.string().min(1).max(100).refine(isEventPattern, 'must be names of events, in which * stands for anything'))
  .min(1)
  .max(MAX_PATTERNS)
  .openapi({ example: ['database.*', '*_failed'] });
const environments = z
  .array(z.string().min(1).max(255))
  .max(MAX_PATTERNS)
  .describe('Only events of these; none for all events, also those of no environment.')
  .openapi({ example: ['prod'] });

const webhookUrl = z
  .string()
  .min(1)
  .max(MAX_URL)
  .describe('A secret: it is not shown again.')
  .openapi({ example: 'https://hooks.slack.com/services/…' });

const smtp = {
  host: z
    .string()
    .min(1)
    .max(255)
    .refine((text) => HOST.test(text), 'must be a host name or an IP address'),
  port: z.int().min(1).max(65_535),
  security: z
    .enum(SMTP_SECURITY)
    .describe('`starttls`, which the server then has to offer; `tls` from the first byte; or `none`.'),
  user: z.string().min(1).max(320),
  password: z.string().min(1).max(1024).describe('A secret: it is not shown again.'),
  from: mailAddress,
  to: z.array(mailAddress).min(1).max(MAX_RECIPIENTS),
  ca_certificate: z.string().min(1).max(MAX_PEM).describe('PEM; the public CAs where it is left out.'),
  allow_insecure: allowInsecure,
};

const webhookConfig = z.strictObject({ webhook_url: webhookUrl, allow_insecure: allowInsecure.default(false) });
const smtpConfig = z.strictObject({
  ...smtp,
  port: smtp.port.default(587),
  security: smtp.security.default('starttls'),
  user: smtp.user.optional(),
  password: smtp.password.optional(),
  ca_certificate: smtp.ca_certificate.optional(),
  allow_insecure: allowInsecure.default(false),
});

const common = {
  name,
  events,
  environments: environments.default([]),
  enabled: z.boolean().default(true),
};

/** Body of a new channel. */
export const createChannelSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ ...common, kind: z.literal('slack'), config: webhookConfig }),
    z.strictObject({ ...common, kind: z.literal('webex'), config: webhookConfig }),
    z.strictObject({ ...common, kind: z.literal('smtp'), config: smtpConfig }),
  ])
  .openapi('CreateNotificationChannelRequest');

/** Members of `config` that change; those of the other kind are refused with the channel at hand. */
export const changedConfigSchema = z.strictObject({
  webhook_url: webhookUrl.optional(),
  host: smtp.host.optional(),
  port: smtp.port.optional(),
  security: smtp.security.optional(),
  user: smtp.user.nullable().optional().describe('null for no login.'),
  password: smtp.password.optional(),
  from: smtp.from.optional(),
  to: smtp.to.optional(),
  ca_certificate: smtp.ca_certificate.nullable().optional(),
  allow_insecure: allowInsecure.optional(),
});

/** Body of a change: what is left out stays. */
export const changeChannelSchema = z
  .strictObject({
    name: name.optional(),
    events: events.optional(),
    environments: environments.optional(),
    enabled: z.boolean().optional(),
    config: changedConfigSchema.optional(),
  })
  .openapi('ChangeNotificationChannelRequest');

/** A channel. Neither URL nor password is shown. */
export const channelSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    kind: z.enum(CHANNEL_KINDS),
    enabled: z.boolean(),
    events: z.array(z.string()),
    environments: z.array(z.string()),
    configured: z
      .boolean()
      .describe('Whether its secret is stored: the URL of a webhook, the password of a mail server.'),
    config: z.object({
      host: z.string(),
      port: z.int().optional(),
      security: z.enum(SMTP_SECURITY).optional(),
      user: z.string().optional(),
      from: z.string().optional(),
      to: z.array(z.string()).optional(),
      ca_certificate: z.string().optional(),
      allow_insecure: z.boolean(),
    }),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .openapi('NotificationChannel');

export const channelListSchema = z.object({ channels: z.array(channelSchema) }).openapi('NotificationChannelList');

/** Answer to the wish for a test message. */
export const channelTestSchema = z.object({ delivery_id: z.uuid() }).openapi('NotificationTest');

/** A page of messages. */
export const deliveryPageSchema = z.object({
  channel_id: z.uuid().optional(),
  state: z.enum(DELIVERY_STATES).optional(),
  after_delivery_id: z.uuid().optional().openapi({ description: 'Messages after this one, in the direction chosen.' }),
  ...pageParts,
});

/** A message, and what became of it. */
export const deliverySchema = z
  .object({
    id: z.uuid(),
    channel_id: z.uuid(),
    channel_name: z.string(),
    event: z.string(),
    resource: z.string(),
    environment: z.string().optional(),
    task_id: z.uuid().optional(),
    audit_id: z.int().optional().describe('Row of the audit log; none for a test.'),
    state: z.enum(DELIVERY_STATES),
    attempts: z.int(),
    last_error: z.string().optional(),
    created_at: timestamp,
    sent_at: timestamp.optional(),
  })
  .openapi('NotificationDelivery');

export const deliveryListSchema = z.object({ deliveries: z.array(deliverySchema) }).openapi('NotificationDeliveryList');
