-- Up Migration

-- Where messages about events go. The webhook's URL or the mail server's password is a sealed secret.
CREATE TABLE notification_channels (
  id             uuid PRIMARY KEY,
  name           text NOT NULL UNIQUE,
  kind           text NOT NULL CHECK (kind IN ('slack', 'webex', 'smtp')),
  -- Without secrets.
  config         jsonb NOT NULL,
  -- Null for a mail server without a login.
  secret_id      text,
  -- Patterns of names of events; and environments, none for all.
  events         text[] NOT NULL,
  environments   text[] NOT NULL DEFAULT '{}',
  enabled        boolean NOT NULL DEFAULT true,
  -- Created, or enabled again: what began before is not sent.
  active_since   timestamptz NOT NULL DEFAULT now(),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

-- What is to be sent, and what became of it. It outlives its channel, and the audit log takes no part in it: no references.
CREATE TABLE notification_deliveries (
  -- UUID version 7: in order of time, and what a message that arrives twice is known by.
  id             uuid PRIMARY KEY,
  channel_id     uuid NOT NULL,
  channel_name   text NOT NULL,
  -- Row of the audit log; null for a message that somebody asked for to see whether the channel works.
  audit_id       bigint,
  -- What the message says: names, ids and times.
  facts          jsonb NOT NULL,
  state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
  attempts       integer NOT NULL DEFAULT 0,
  -- Why the last attempt failed; of a message that was sent, whom it was not sent to.
  last_error     text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  sent_at        timestamptz,
  -- An event reaches a channel once, however often the audit log is looked through.
  UNIQUE (audit_id, channel_id)
);
CREATE INDEX notification_deliveries_pending ON notification_deliveries (channel_id, id) WHERE state = 'pending';
CREATE INDEX notification_deliveries_channel ON notification_deliveries (channel_id, id);
CREATE INDEX notification_deliveries_state ON notification_deliveries (state, id);

-- How far the audit log has been looked through (store/notification-scan.ts).
CREATE TABLE notification_cursor (
  only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Every row up to this one has been looked at, and none can appear below it any more.
  settled_id     bigint NOT NULL,
  -- Becomes the settled one when these transactions have ended, which may still write rows up to it.
  pending_id     bigint NOT NULL,
  pending_writers text[] NOT NULL DEFAULT '{}'
);
-- What was audited before is no news.
INSERT INTO notification_cursor (settled_id, pending_id) SELECT coalesce(max(id), 0), coalesce(max(id), 0) FROM audit_log;

-- Down Migration

DROP TABLE notification_channels, notification_deliveries, notification_cursor;
DELETE FROM secrets WHERE owner LIKE 'notification/%';
