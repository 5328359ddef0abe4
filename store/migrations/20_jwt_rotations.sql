-- Up Migration

-- A new JWT key of a service: for a while it and the former one are both accepted, then it alone.
CREATE TABLE jwt_rotations (
  id             uuid PRIMARY KEY,
  database_id    text NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
  service_id     text NOT NULL,
  -- opening: the services learn the new key; overlap: both count; closing: they forget the former one.
  state          text NOT NULL DEFAULT 'opening'
    CHECK (state IN ('opening', 'overlap', 'closing', 'completed', 'superseded', 'failed')),
  -- Why it ended as it did, or why the last attempt to end it failed.
  reason         text,
  -- Version of the service's secret that holds both: where the secret is another one, somebody has set it since.
  secret_version integer NOT NULL,
  -- How many keys of that set, from its first one on, are the new ones; and whether they were given as plain text.
  new_keys       integer NOT NULL CHECK (new_keys > 0),
  as_text        boolean NOT NULL,
  grace_seconds  integer NOT NULL CHECK (grace_seconds >= 0),
  opening_task   uuid NOT NULL,
  closing_task   uuid,
  -- From the end of the opening on; later where an attempt to end it failed.
  grace_ends_at  timestamptz,
  actor          text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  ended_at       timestamptz
);
CREATE UNIQUE INDEX jwt_rotations_open ON jwt_rotations (database_id, service_id)
  WHERE state IN ('opening', 'overlap', 'closing');
CREATE INDEX jwt_rotations_service ON jwt_rotations (database_id, service_id, id);

-- Down Migration

DROP TABLE jwt_rotations;
