import type { z } from '@hono/zod-openapi';
import type { ChannelRecord } from '../../store/notification-channels.ts';
import type { DeliveryRecord } from '../../store/notification-deliveries.ts';
import type { channelSchema, deliverySchema } from '../schemas/notification.ts';
import { timestamp } from '../time.ts';

type ShownChannel = z.infer<typeof channelSchema>;

/** A channel without its secret. */
export function renderChannel(channel: ChannelRecord): ShownChannel {
  const { id, name, kind, enabled, events, environments, secretId } = channel;
  return {
    ...{ id, name, kind, enabled },
    events: [...events],
    environments: [...environments],
    configured: secretId !== null,
    config: shownConfig(channel),
    created_at: timestamp(channel.createdAt),
    updated_at: timestamp(channel.updatedAt),
  };
}

function shownConfig(channel: ChannelRecord): ShownChannel['config'] {
  const { host, allowInsecure } = channel.config;
  if (channel.kind !== 'smtp') return { host, allow_insecure: allowInsecure };
  const { port, security, user, from, to, caCertificate } = channel.config;
  return {
    ...{ host, port, security, from, to },
    ...(user === undefined ? {} : { user }),
    ...(caCertificate === undefined ? {} : { ca_certificate: caCertificate }),
    allow_insecure: allowInsecure,
  };
}

/** A message, and what became of it. */
export function renderDelivery(delivery: DeliveryRecord): z.infer<typeof deliverySchema> {
  const { facts, auditId, lastError, sentAt } = delivery;
  return {
    id: delivery.id,
    channel_id: delivery.channelId,
    channel_name: delivery.channelName,
    event: facts.event,
    resource: facts.resource,
    ...(facts.environment === null ? {} : { environment: facts.environment }),
    ...(facts.taskId === null ? {} : { task_id: facts.taskId }),
    ...(auditId === null ? {} : { audit_id: auditId }),
    state: delivery.state,
    attempts: delivery.attempts,
    ...(lastError === null ? {} : { last_error: lastError }),
    created_at: timestamp(delivery.createdAt),
    ...(sentAt === null ? {} : { sent_at: timestamp(sentAt) }),
  };
}
