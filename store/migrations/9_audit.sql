-- Up Migration

-- A request that was refused is one row of its own kind: nothing was accepted, so there is no outcome to wait for.
ALTER TABLE audit_log
  ADD COLUMN token_id text,
  DROP CONSTRAINT audit_log_kind_check,
  ADD CONSTRAINT audit_log_kind_check CHECK (kind IN ('intent', 'outcome', 'reveal', 'refusal'));

-- One for each filter of the list, in the order of the list: a page is read from one of them, however many rows there are.
CREATE INDEX audit_log_time ON audit_log (recorded_at, id);
CREATE INDEX audit_log_actor ON audit_log (actor, recorded_at, id);
CREATE INDEX audit_log_action ON audit_log (action, recorded_at, id);
CREATE INDEX audit_log_resource_kind ON audit_log (split_part(resource, '/', 1), recorded_at, id);
CREATE INDEX audit_log_resource ON audit_log ((split_part(resource, '/', 1) || '/' || split_part(resource, '/', 2)), recorded_at, id);
CREATE INDEX audit_log_deep_resource ON audit_log (resource text_pattern_ops, recorded_at, id) WHERE resource LIKE '%/%/%';
CREATE INDEX audit_log_task ON audit_log (task_id, recorded_at, id) WHERE task_id IS NOT NULL;
CREATE INDEX audit_log_request ON audit_log (request_id, recorded_at, id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_log_token ON audit_log (token_id, recorded_at, id) WHERE token_id IS NOT NULL;
-- What is common needs no index of its own: a page of it is found by going through the newest rows.
CREATE INDEX audit_log_rare_kind ON audit_log (kind, recorded_at, id) WHERE kind IN ('reveal', 'refusal');
CREATE INDEX audit_log_rare_outcome ON audit_log (outcome, recorded_at, id) WHERE outcome <> 'completed';

-- Rows that the chain does not have yet, noted in the transaction that adds them: so a row that commits late is chained, too, and
-- a row that is in neither table was added by somebody who went around the trigger.
CREATE TABLE audit_unsealed (audit_id bigint PRIMARY KEY);
INSERT INTO audit_unsealed SELECT id FROM audit_log;
CREATE FUNCTION note_unsealed_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed SELECT id FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_log_unsealed AFTER INSERT ON audit_log REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION note_unsealed_audit();

-- The rows of the audit log in the order in which they were sealed; each MAC covers the one before it.
CREATE TABLE audit_chain (
  seq            bigint PRIMARY KEY,
  -- No foreign key: a row that somebody removed is still named here.
  audit_id       bigint NOT NULL UNIQUE,
  mac            bytea NOT NULL CHECK (octet_length(mac) = 32),
  -- Key of the sealing keyring that the MAC was made under.
  key_id         text NOT NULL,
  sealed_at      timestamptz NOT NULL,
  -- An earlier look, at which the row was not there yet; null for rows of the first one.
  absent_at      timestamptz
);
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Down Migration

DROP TABLE audit_chain;
DROP TRIGGER audit_log_unsealed ON audit_log;
DROP FUNCTION note_unsealed_audit();
DROP TABLE audit_unsealed;
DROP INDEX audit_log_time, audit_log_actor, audit_log_action, audit_log_resource_kind, audit_log_resource, audit_log_deep_resource,
  audit_log_task, audit_log_request, audit_log_token, audit_log_rare_kind, audit_log_rare_outcome;
ALTER TABLE audit_log
  DROP COLUMN token_id,
  DROP CONSTRAINT audit_log_kind_check,
  ADD CONSTRAINT audit_log_kind_check CHECK (kind IN ('intent', 'outcome', 'reveal'));
