-- Up Migration

-- Who shares clusters. Names are ordered by their bytes, so that pages by name are read from the index.
CREATE TABLE teams (
  id                   uuid PRIMARY KEY,
  name                 text COLLATE "C" NOT NULL UNIQUE,
  -- Of roles that members are given without a word about it.
  default_role_flavor  text NOT NULL DEFAULT 'read' CHECK (default_role_flavor IN ('read', 'write')),
  created_at           timestamptz NOT NULL DEFAULT now()
);

-- What an account may do in a team; no role of the account implies it.
CREATE TABLE team_members (
  team_id     uuid NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  account_id  uuid NOT NULL REFERENCES accounts (id),
  role        text NOT NULL CHECK (role IN ('admin', 'manager', 'member')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, account_id)
);
CREATE INDEX team_members_account ON team_members (account_id, created_at, team_id);

-- Registered servers that an administrator assigned to a team (R5).
CREATE TABLE clusters (
  id           uuid PRIMARY KEY,
  server_name  text NOT NULL UNIQUE REFERENCES servers (name),
  team_id      uuid NOT NULL REFERENCES teams (id),
  name         text COLLATE "C" NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 5 AND 50),
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX clusters_team_id ON clusters (team_id, id);
CREATE INDEX clusters_team_name ON clusters (team_id, name);

-- The API key that a token was given for: revoked with it.
ALTER TABLE tokens ADD COLUMN parent_id uuid REFERENCES tokens (id) ON DELETE CASCADE;
CREATE INDEX tokens_of_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;

-- Down Migration

ALTER TABLE tokens DROP COLUMN parent_id;
DROP TABLE clusters, team_members, teams;
