-- Up Migration

ALTER TABLE credentials
  -- Environment that the user API made the role for: callers that are confined to others do not change it.
  ADD COLUMN environment text,
  -- Kind that it was made as, such as `readonly`.
  ADD COLUMN user_kind text,
  -- Since when the user API keeps it from logging in.
  ADD COLUMN disabled_at timestamptz;

-- Group roles that the users of a kind are members of in one database: what they may do is granted to the group.
CREATE TABLE user_groups (
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  database_name  text NOT NULL,
  kind           text NOT NULL,
  role_name      text NOT NULL,
  -- What the group has, as domain/users/kinds.ts writes it.
  privileges     jsonb NOT NULL,
  -- When its rights were last seen to be complete, on all that was there.
  ensured_at     timestamptz NOT NULL DEFAULT now(),
  -- When that was last asked for.
  asked_at       timestamptz NOT NULL DEFAULT now(),
  -- Roles whose later objects it does not get by itself, because the admin role may not act for them, or there are too many.
  uncovered      text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (server_name, database_name, kind)
);

-- Passwords that wait behind a link to be shown once. Whoever has the link has the token; here is only its hash.
CREATE TABLE handovers (
  id             uuid PRIMARY KEY,
  token_hash     bytea NOT NULL UNIQUE,
  -- Request that set the password: its repetition gets the same link.
  task_id        uuid NOT NULL UNIQUE,
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  role_name      text NOT NULL,
  environment    text NOT NULL,
  database_name  text NOT NULL,
  -- Account that asked for it.
  actor          text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  -- Since then the password is gone.
  redeemed_at    timestamptz
);
CREATE INDEX handovers_expiry ON handovers (expires_at);

-- Down Migration

DROP TABLE handovers, user_groups;
ALTER TABLE credentials DROP COLUMN environment, DROP COLUMN user_kind, DROP COLUMN disabled_at;
