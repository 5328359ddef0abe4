-- Up Migration

-- Where the primary of a server with several endpoints was last seen, and who has not been told of a promotion yet.
CREATE TABLE server_primaries (
  server_name    text PRIMARY KEY REFERENCES servers (name) ON DELETE CASCADE,
  -- Null until exactly one was seen.
  address        text,
  port           integer,
  timeline       integer,
  -- Former primary whose sessions have not been ended yet: {"address": "10.0.0.5", "port": 5432}.
  former         jsonb,
  -- Hosts whose services have not been told of the new primary yet.
  pending_hosts  text[] NOT NULL DEFAULT '{}',
  -- Why nothing is changed on the server, such as two primaries (R20).
  problem        text,
  seen_at        timestamptz NOT NULL DEFAULT now()
);

-- What was accepted for a task of type switchover.
CREATE TABLE switchovers (
  task_id            uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  node_name          text NOT NULL,
  server_name        text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  primary_host_id    text NOT NULL REFERENCES hosts (id),
  candidate_host_id  text NOT NULL REFERENCES hosts (id),
  scheduled_at       timestamptz,
  -- From then on the database is taken, and its state before is given back at the end.
  began_at           timestamptz,
  state_before       text
);

-- Down Migration

DROP TABLE switchovers, server_primaries;
