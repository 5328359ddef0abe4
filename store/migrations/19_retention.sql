-- Up Migration

-- What was taken away from the beginning of the audit chain, and may go: the log is verified from the newest of these on. A row is
-- made, and anchored outside of the database, before what it covers is removed.
CREATE TABLE audit_checkpoints (
  -- Number of the last entry that may go; the chain is kept from the next one on.
  seq            bigint PRIMARY KEY,
  -- The row of that entry, and the MAC that the next entry goes on from.
  audit_id       bigint NOT NULL,
  head           bytea NOT NULL CHECK (octet_length(head) = 32),
  -- Entries since the checkpoint before.
  removed        bigint NOT NULL CHECK (removed > 0),
  -- HMAC over all of this, and the key of the sealing keyring that it was made under.
  mac            bytea NOT NULL CHECK (octet_length(mac) = 32),
  key_id         text NOT NULL,
  made_at        timestamptz NOT NULL
);
CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Rows and entries go only where a checkpoint covers them; everything else is refused as before.
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
DROP TRIGGER audit_chain_append_only ON audit_chain;
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION refuse_uncovered_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM removed r WHERE NOT EXISTS (
      SELECT FROM audit_chain c WHERE c.audit_id = r.id AND c.seq <= (SELECT max(seq) FROM audit_checkpoints))
  ) THEN
    RAISE EXCEPTION 'the audit log is append-only: no checkpoint covers what was to be removed';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_log_covered AFTER DELETE ON audit_log REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_uncovered_rows();

CREATE FUNCTION refuse_uncovered_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM removed r WHERE r.seq > coalesce((SELECT max(seq) FROM audit_checkpoints), 0)) THEN
    RAISE EXCEPTION 'the audit log is append-only: no checkpoint covers what was to be removed';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_chain_covered AFTER DELETE ON audit_chain REFERENCING OLD TABLE AS removed
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_uncovered_entries();

-- When each rule of retention was last carried out, and what it took away. A rule that never was has no row.
CREATE TABLE retention_runs (
  rule           text PRIMARY KEY,
  last_run_at    timestamptz NOT NULL,
  -- Run of the workflow that this was.
  run_id         text NOT NULL,
  -- Of the last run, and of all.
  last_removed   bigint NOT NULL,
  removed        bigint NOT NULL
);

-- Tokens that host workers join with, beside the one that all share. The token itself is nowhere here: a hash of it, which proofs are
-- checked with, is a sealed secret.
CREATE TABLE join_tokens (
  -- UUIDv7: in the order in which they were made.
  id             uuid PRIMARY KEY,
  name           text NOT NULL,
  -- Hosts that may join with it; null for any number.
  max_hosts      integer CHECK (max_hosts > 0),
  created_by     text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  revoked_at     timestamptz
);
-- Host ids that were admitted with a token, hosts that are gone included.
CREATE TABLE join_token_uses (
  token_id       uuid NOT NULL REFERENCES join_tokens (id),
  host_id        text NOT NULL,
  first_used_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (token_id, host_id)
);
-- The token that a host joined with last; null for the shared one.
ALTER TABLE hosts ADD COLUMN join_token_id uuid REFERENCES join_tokens (id);

-- Down Migration

ALTER TABLE hosts DROP COLUMN join_token_id;
DROP TABLE join_token_uses, join_tokens;
DELETE FROM secrets WHERE owner LIKE 'join-token/%';

DROP TABLE retention_runs;
DROP TRIGGER audit_chain_covered ON audit_chain;
DROP TRIGGER audit_log_covered ON audit_log;
DROP FUNCTION refuse_uncovered_rows();
DROP FUNCTION refuse_uncovered_entries();
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
DROP TRIGGER audit_chain_append_only ON audit_chain;
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
DROP TABLE audit_checkpoints;
