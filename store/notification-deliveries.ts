import { v7 as uuidv7 } from 'uuid';
import type { NotificationFacts } from '../domain/notifications/facts.ts';
import type { Queryable } from './connection.ts';
import { CHANNEL_COLUMNS, type ChannelRecord } from './notification-channels.ts';

export const DELIVERY_STATES = ['pending', 'sent', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A message that is to be sent to a channel, or was. */
export interface DeliveryRecord {
  id: string;
  channelId: string;
  channelName: string;
  /** Row of the audit log; null for a test. */
  auditId: number | null;
  facts: NotificationFacts;
  state: DeliveryState;
  attempts: number;
  lastError: string | null;
  createdAt: Date;
  sentAt: Date | null;
}

/** A message that is to be sent. */
export interface NewDelivery {
  channelId: string;
  channelName: string;
  auditId: number | null;
  facts: NotificationFacts;
}

/** How long messages that were sent, or given up, can be looked up. */
const KEPT_DAYS = 30;

const COLUMNS = `id, channel_id AS "channelId", channel_name AS "channelName", audit_id AS "auditId", facts, state, attempts,
  last_error AS "lastError", created_at AS "createdAt", sent_at AS "sentAt"`;

/** Adds messages; one of the same event for the same channel is there already. @returns ids of those that are new */
export async function insertDeliveries(db: Queryable, deliveries: readonly NewDelivery[]): Promise<string[]> {
  if (deliveries.length === 0) return [];
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO notification_deliveries (id, channel_id, channel_name, audit_id, facts)
     SELECT id, "channelId", "channelName", "auditId", facts FROM jsonb_to_recordset($1)
       AS d (id uuid, "channelId" uuid, "channelName" text, "auditId" bigint, facts jsonb)
     ON CONFLICT (audit_id, channel_id) DO NOTHING RETURNING id`,
    [JSON.stringify(deliveries.map((delivery) => ({ id: uuidv7(), ...delivery })))],
  );
  return rows.map(({ id }) => id);
}

/** Enabled channels with messages that are to be sent. */
export async function channelsWithPending(db: Queryable): Promise<{ id: string; name: string }[]> {
  const { rows } = await db.query<{ id: string; name: string }>(
    `SELECT id, name FROM notification_channels c WHERE enabled
       AND EXISTS (SELECT FROM notification_deliveries d WHERE d.channel_id = c.id AND d.state = 'pending') ORDER BY name`,
  );
  return rows;
}

/** What is to be sent to a channel that is enabled, oldest first. */
export async function pendingOf(
  db: Queryable,
  input: { channelId: string; limit: number },
): Promise<{ id: string; event: string; resource: string; createdAt: Date }[]> {
  const { rows } = await db.query<{ id: string; event: string; resource: string; createdAt: Date }>(
    `SELECT d.id, d.facts ->> 'event' AS event, d.facts ->> 'resource' AS resource, d.created_at AS "createdAt"
     FROM notification_deliveries d JOIN notification_channels c ON c.id = d.channel_id AND c.enabled
     WHERE d.channel_id = $1 AND d.state = 'pending' ORDER BY d.id LIMIT $2`,
    [input.channelId, input.limit],
  );
  return rows;
}

/**
 * Counts an attempt and gives what it needs.
 * @returns undefined when there is nothing to send any more: it was sent, given up, or its channel is disabled or gone
 */
export async function beginAttempt(
  db: Queryable,
  deliveryId: string,
): Promise<{ facts: NotificationFacts; channel: ChannelRecord } | undefined> {
  const { rows } = await db.query<ChannelRecord & { facts: NotificationFacts }>(
    `WITH begun AS (
       UPDATE notification_deliveries SET attempts = attempts + 1
       WHERE id = $1 AND state = 'pending' RETURNING channel_id, facts
     )
     SELECT ${CHANNEL_COLUMNS}, facts FROM begun JOIN notification_channels ON id = channel_id WHERE enabled`,
    [deliveryId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  const { facts, ...channel } = row;
  return { facts, channel };
}

/** The receiver has taken the message. @param remark whom it did not reach */
export async function recordSent(db: Queryable, input: { deliveryId: string; remark?: string }): Promise<void> {
  await db.query(
    `UPDATE notification_deliveries SET state = 'sent', sent_at = now(), last_error = $2 WHERE id = $1 AND state = 'pending'`,
    [input.deliveryId, input.remark ?? null],
  );
}

/** Why an attempt failed; another one follows. */
export async function recordAttemptError(db: Queryable, input: { deliveryId: string; error: string }): Promise<void> {
  await db.query(`UPDATE notification_deliveries SET last_error = $2 WHERE id = $1 AND state = 'pending'`, [
    input.deliveryId,
    input.error,
  ]);
}

/** No further attempt. @param reason where no attempt has left one */
export async function giveUp(db: Queryable, input: { deliveryId: string; reason: string }): Promise<void> {
  await db.query(
    `UPDATE notification_deliveries SET state = 'failed', last_error = coalesce(last_error, $2)
     WHERE id = $1 AND state = 'pending'`,
    [input.deliveryId, input.reason],
  );
}

/** Nothing more is sent to a channel: what was to be sent is not. */
export async function giveUpChannel(db: Queryable, input: { channelId: string; reason: string }): Promise<void> {
  await db.query(
    `UPDATE notification_deliveries SET state = 'failed', last_error = concat_ws('; before that: ', $2::text, last_error)
     WHERE channel_id = $1 AND state = 'pending'`,
    [input.channelId, input.reason],
  );
}

/** A page of messages. `afterId` is exclusive in the direction chosen. */
export async function listDeliveries(
  db: Queryable,
  input: {
    channelId?: string | undefined;
    state?: DeliveryState | undefined;
    order: 'asc' | 'desc';
    afterId?: string | undefined;
    limit: number;
  },
): Promise<DeliveryRecord[]> {
  const [comparison, direction] = input.order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const values: unknown[] = [input.limit];
  const condition = (text: string, value: unknown) => (value === undefined ? '' : `AND ${text} $${values.push(value)}`);
  const { rows } = await db.query<DeliveryRecord>(
    `SELECT ${COLUMNS} FROM notification_deliveries WHERE true ${condition('channel_id =', input.channelId)}
       ${condition('state =', input.state)} ${condition(`id ${comparison}`, input.afterId)}
     ORDER BY id ${direction} LIMIT $1`,
    values,
  );
  return rows;
}

/** Forgets messages that ended long ago. */
export async function pruneDeliveries(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM notification_deliveries WHERE state <> 'pending' AND created_at < now() - make_interval(days => $1)`,
    [KEPT_DAYS],
  );
}
