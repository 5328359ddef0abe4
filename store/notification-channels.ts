import type { Channel, ChannelKind } from '../domain/notifications/channel.ts';
import type { Queryable } from './connection.ts';

/** A channel as it is stored; its secret is apart, sealed. */
export type ChannelRecord = Channel & {
  secretId: string | null;
  /** When it was created or enabled again: what began before is not sent. */
  activeSince: Date;
  createdAt: Date;
  updatedAt: Date;
};

/** What is stored of a new channel. */
export interface NewChannel {
  id: string;
  name: string;
  kind: ChannelKind;
  config: Channel['config'];
  secretId: string | null;
  events: readonly string[];
  environments: readonly string[];
  enabled: boolean;
}

/** Id, and owner, of a channel's secret in the secret store. */
export const channelSecretId = (channelId: string): string => `notification/${channelId}`;

/** Columns of {@link ChannelRecord}. */
export const CHANNEL_COLUMNS = `id, name, kind, config, secret_id AS "secretId", events, environments, enabled,
  active_since AS "activeSince", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** Every channel, by name. */
export async function listChannels(db: Queryable): Promise<ChannelRecord[]> {
  const { rows } = await db.query<ChannelRecord>(`SELECT ${CHANNEL_COLUMNS} FROM notification_channels ORDER BY name`);
  return rows;
}

/** Channels that messages are sent to. None of them is disabled or deleted before the transaction ends. */
export async function listEnabledChannels(db: Queryable): Promise<ChannelRecord[]> {
  const { rows } = await db.query<ChannelRecord>(
    `SELECT ${CHANNEL_COLUMNS} FROM notification_channels WHERE enabled ORDER BY id FOR SHARE`,
  );
  return rows;
}

export async function findChannel(db: Queryable, id: string): Promise<ChannelRecord | undefined> {
  const { rows } = await db.query<ChannelRecord>(`SELECT ${CHANNEL_COLUMNS} FROM notification_channels WHERE id = $1`, [
    id,
  ]);
  return rows[0];
}

/** Takes the row until the transaction ends. */
export async function lockChannel(db: Queryable, id: string): Promise<ChannelRecord | undefined> {
  const { rows } = await db.query<ChannelRecord>(
    `SELECT ${CHANNEL_COLUMNS} FROM notification_channels WHERE id = $1 FOR UPDATE`,
    [id],
  );
  return rows[0];
}

/** @returns undefined when the name is taken */
export async function insertChannel(db: Queryable, channel: NewChannel): Promise<ChannelRecord | undefined> {
  const { rows } = await db.query<ChannelRecord>(
    `INSERT INTO notification_channels (id, name, kind, config, secret_id, events, environments, enabled)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING ${CHANNEL_COLUMNS}`,
    valuesOf(channel),
  );
  return rows[0];
}

/** @returns undefined when another channel has the name */
export async function updateChannel(db: Queryable, channel: NewChannel): Promise<ChannelRecord | undefined> {
  const { rows } = await db.query<ChannelRecord>(
    `UPDATE notification_channels SET name = $2, kind = $3, config = $4, secret_id = $5, events = $6, environments = $7,
       active_since = CASE WHEN $8 AND NOT enabled THEN now() ELSE active_since END, enabled = $8, updated_at = now()
     WHERE id = $1 AND NOT EXISTS (SELECT FROM notification_channels other WHERE other.name = $2 AND other.id <> $1)
     RETURNING ${CHANNEL_COLUMNS}`,
    valuesOf(channel),
  );
  return rows[0];
}

export async function deleteChannel(db: Queryable, id: string): Promise<void> {
  await db.query('DELETE FROM notification_channels WHERE id = $1', [id]);
}

function valuesOf(channel: NewChannel): unknown[] {
  const { id, name, kind, config, secretId, events, environments, enabled } = channel;
  return [id, name, kind, config, secretId, events, environments, enabled];
}
