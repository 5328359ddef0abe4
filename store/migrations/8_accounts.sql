-- Up Migration

-- Who may call, over every API family. A row is never deleted and its name never changes: audit rows and idempotency keys have it.
CREATE TABLE accounts (
  id           uuid PRIMARY KEY,
  name         text NOT NULL UNIQUE,
  email        text,
  role         text NOT NULL CHECK (role IN ('admin', 'operator', 'auditor', 'member')),
  -- {"environments": […], "servers": […], "databases": […]}; null is without bounds.
  scope        jsonb,
  -- made: by an administrator. built_in: the local administrator, the HTTP Basic pair. issuer: came with a JWT.
  origin       text NOT NULL CHECK (origin IN ('made', 'built_in', 'issuer')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  disabled_at  timestamptz
);

CREATE TABLE tokens (
  id            uuid PRIMARY KEY,
  account_id    uuid NOT NULL REFERENCES accounts (id),
  name          text NOT NULL,
  -- Name of the format in domain/authority/token-format.ts.
  format        text NOT NULL,
  -- SHA-256 of the secret, which is random and stored nowhere.
  hash          bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  -- First characters, for people.
  shown         text NOT NULL,
  -- Where given they narrow those of the account.
  role          text CHECK (role IN ('admin', 'operator', 'auditor', 'member')),
  scope         jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz,
  revoked_at    timestamptz,
  last_used_at  timestamptz
);
CREATE INDEX tokens_of_account ON tokens (account_id, id);

-- Down Migration

DROP TABLE tokens, accounts;
