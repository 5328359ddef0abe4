-- Up Migration

-- Operations on a whole server: documents of roles and grants, single roles, drops.
ALTER TABLE tasks DROP CONSTRAINT tasks_scope_check,
  ADD CONSTRAINT tasks_scope_check CHECK (scope IN ('database', 'host', 'server')),
  -- Run that performs the task together with others; such a task has no run of its own.
  ADD COLUMN batch_id uuid;
CREATE INDEX tasks_batch ON tasks (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX tasks_unclaimed ON tasks (entity_id, id)
  WHERE scope = 'server' AND status = 'pending' AND workflow_type = 'changeRoles' AND batch_id IS NULL;

-- Requests for one server that are carried out together. At most one ordinary batch of a server is under way: the next one
-- takes what came in meanwhile. A request that waits for somebody else's lock goes on in a batch of its own.
CREATE TABLE batches (
  id             uuid PRIMARY KEY,
  server_name    text NOT NULL,
  lane           text NOT NULL CHECK (lane IN ('shared', 'single')),
  state          text NOT NULL CHECK (state IN ('running', 'closed')),
  workflow_id    text NOT NULL UNIQUE,
  created_at     timestamptz NOT NULL DEFAULT now(),
  closed_at      timestamptz
);
CREATE UNIQUE INDEX batches_shared ON batches (server_name) WHERE state = 'running' AND lane = 'shared';
CREATE INDEX batches_running ON batches (created_at) WHERE state = 'running';

-- What was asked of a server, without secrets, and what came of it.
CREATE TABLE access_requests (
  task_id        uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  -- The document as submitted, passwords left out.
  document       jsonb NOT NULL,
  -- Hash of the plan that the caller saw; null when any plan will do.
  plan_hash      text,
  options        jsonb NOT NULL DEFAULT '{}',
  -- What was done: applied databases, receipt of a drop, what differs.
  result         jsonb
);

-- Roles made through the role engine have no database, and no owner but the engine.
ALTER TABLE credentials DROP CONSTRAINT credentials_origin_check,
  ADD CONSTRAINT credentials_origin_check CHECK (origin IN ('user', 'owner', 'script', 'adopted', 'engine')),
  -- HMAC of the password that was set last: an unchanged one is not sent again where the server does not show its own.
  ADD COLUMN password_fingerprint text;

-- Down Migration

DROP TABLE access_requests, batches;
DELETE FROM tasks WHERE scope = 'server';
DROP INDEX tasks_batch, tasks_unclaimed;
ALTER TABLE tasks DROP COLUMN batch_id, DROP CONSTRAINT tasks_scope_check,
  ADD CONSTRAINT tasks_scope_check CHECK (scope IN ('database', 'host'));
DELETE FROM credentials WHERE origin = 'engine';
ALTER TABLE credentials DROP COLUMN password_fingerprint, DROP CONSTRAINT credentials_origin_check,
  ADD CONSTRAINT credentials_origin_check CHECK (origin IN ('user', 'owner', 'script', 'adopted'));
