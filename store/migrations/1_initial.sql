-- Up Migration

-- One row: who this installation is. Containers, ports and names carry this id, so that two installations never touch
-- each other's (R15).
CREATE TABLE installation (
  id            uuid PRIMARY KEY,
  only_row      boolean NOT NULL DEFAULT true UNIQUE CHECK (only_row),
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- Sealed secrets: AES-256-GCM with (id, owner, version) as associated data. Never plain text.
CREATE TABLE secrets (
  id            text NOT NULL,
  owner         text NOT NULL,
  version       integer NOT NULL CHECK (version > 0),
  key_id        text NOT NULL,
  sealed        bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, version)
);
CREATE INDEX secrets_owner ON secrets (owner);

-- PostgreSQL servers that an operator registered.
CREATE TABLE servers (
  name               text PRIMARY KEY,
  -- Identity of the cluster's data (pg_control_system), the same on primary and standbys.
  system_identifier  text NOT NULL UNIQUE,
  endpoints          jsonb NOT NULL,
  maintenance_db     text NOT NULL,
  tls                jsonb NOT NULL,
  admin_user         text NOT NULL,
  admin_secret_id    text NOT NULL,
  version_num        integer NOT NULL,
  max_connections    integer NOT NULL,
  reserved_connections integer NOT NULL,
  labels             jsonb NOT NULL DEFAULT '{}',
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE hosts (
  id             text PRIMARY KEY,
  server_name    text REFERENCES servers (name),
  worker_id      text,
  public_key     jsonb,
  facts          jsonb,
  joined_at      timestamptz,
  left_at        timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now()
);

-- Epochs rise over all databases: one that is created again under its old id starts above every epoch that hosts remember.
CREATE SEQUENCE epochs;

CREATE TABLE databases (
  id             text PRIMARY KEY,
  tenant_id      text,
  database_name  text NOT NULL,
  -- The accepted specification without secrets.
  spec           jsonb NOT NULL,
  state          text NOT NULL CHECK (state IN ('creating', 'modifying', 'available', 'deleting', 'degraded', 'failed')),
  error          text,
  -- Fence (R9): raised with every accepted operation; a step of an older epoch changes nothing.
  epoch          bigint NOT NULL DEFAULT nextval('epochs'),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);

-- Which server holds a managed database; the name is taken there from acceptance on (R21).
CREATE TABLE database_servers (
  database_id    text NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
  node_name      text NOT NULL,
  server_name    text NOT NULL REFERENCES servers (name),
  database_name  text NOT NULL,
  PRIMARY KEY (database_id, node_name),
  UNIQUE (server_name, database_name)
);

CREATE TABLE tasks (
  id             uuid PRIMARY KEY,
  scope          text NOT NULL CHECK (scope IN ('database', 'host')),
  entity_id      text NOT NULL,
  database_id    text,
  host_id        text,
  type           text NOT NULL,
  status         text NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'canceling', 'canceled')),
  epoch          bigint NOT NULL,
  workflow_type  text NOT NULL,
  workflow_id    text NOT NULL UNIQUE,
  -- HMAC of the request that was accepted; an identical request joins a task that still runs.
  request_hash   text,
  actor          text NOT NULL,
  error          text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  -- From then on no forward step of the task may change anything.
  undo_began_at  timestamptz,
  completed_at   timestamptz
);
CREATE INDEX tasks_entity ON tasks (scope, entity_id, id);
CREATE INDEX tasks_open ON tasks (created_at) WHERE status IN ('pending', 'running', 'canceling');

CREATE TABLE task_log (
  id             uuid PRIMARY KEY,
  task_id        uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  logged_at      timestamptz NOT NULL DEFAULT now(),
  message        text NOT NULL,
  fields         jsonb
);
CREATE INDEX task_log_task ON task_log (task_id, id);

-- Journal: a row before each step that changes something outside this database, so that undo works without the run.
CREATE TABLE task_steps (
  task_id        uuid NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  ordinal        integer NOT NULL,
  step           text NOT NULL,
  -- What the step touches, beyond the task itself: an instance id, or empty.
  target         text NOT NULL DEFAULT '',
  state          text NOT NULL CHECK (state IN ('started', 'done', 'undone')),
  detail         jsonb NOT NULL DEFAULT '{}',
  started_at     timestamptz NOT NULL DEFAULT now(),
  ended_at       timestamptz,
  PRIMARY KEY (task_id, step, target)
);

-- One row per (server, role) that this installation manages: every family locks it before it changes the role (R8).
CREATE TABLE credentials (
  server_name    text NOT NULL REFERENCES servers (name),
  role_name      text NOT NULL,
  owner          text NOT NULL,
  database_id    text REFERENCES databases (id),
  -- How the role came to be: 'user' (in the specification), 'owner', 'script' (made by post_init), 'adopted'.
  origin         text NOT NULL CHECK (origin IN ('user', 'owner', 'script', 'adopted')),
  secret_id      text,
  version        integer NOT NULL DEFAULT 0,
  -- OID on the server once the role exists; a role of that name with another OID is not ours.
  role_oid       bigint,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (server_name, role_name)
);
CREATE INDEX credentials_database ON credentials (database_id);

-- Roles that several databases of a server share, such as the built-in read-only role: dropped with their last user (R2).
CREATE TABLE shared_role_users (
  server_name    text NOT NULL REFERENCES servers (name),
  role_name      text NOT NULL,
  database_id    text NOT NULL,
  PRIMARY KEY (server_name, role_name, database_id)
);

-- Ports of services and of their admin gateways: two rows per instance. The primary key is the exclusion (R21).
CREATE TABLE ports (
  host_id        text NOT NULL REFERENCES hosts (id),
  port           integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  database_id    text NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
  service_id     text NOT NULL,
  PRIMARY KEY (host_id, port)
);
CREATE INDEX ports_database ON ports (database_id);

CREATE TABLE service_instances (
  id             text PRIMARY KEY,
  database_id    text NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
  service_id     text NOT NULL,
  host_id        text NOT NULL REFERENCES hosts (id),
  state          text NOT NULL CHECK (state IN ('creating', 'running', 'failed', 'deleting')),
  port           integer NOT NULL,
  -- False where the specification names no port: the port serves the admin gateway and the control plane only.
  published      boolean NOT NULL,
  version        text,
  status         jsonb NOT NULL DEFAULT '{}',
  error          text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX service_instances_database ON service_instances (database_id);

-- Instances that must not exist but whose host could not be reached; executed by the host worker before it serves.
CREATE TABLE tombstones (
  host_id        text NOT NULL REFERENCES hosts (id),
  instance_id    text NOT NULL,
  database_id    text NOT NULL,
  task_id        uuid NOT NULL,
  epoch          bigint NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, instance_id)
);

-- Answers kept for retries of the same request (R7).
CREATE TABLE idempotency_keys (
  account        text NOT NULL,
  route          text NOT NULL,
  key            text NOT NULL,
  request_hash   text NOT NULL,
  response       jsonb NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (account, route, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Who did what: intent and outcome are two rows, and rows are only ever added.
CREATE TABLE audit_log (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at    timestamptz NOT NULL DEFAULT now(),
  kind           text NOT NULL CHECK (kind IN ('intent', 'outcome', 'reveal')),
  actor          text NOT NULL,
  source         text,
  request_id     text,
  action         text NOT NULL,
  resource       text NOT NULL,
  task_id        uuid,
  outcome        text,
  detail         jsonb NOT NULL DEFAULT '{}'
);
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Down Migration

DROP TABLE audit_log, idempotency_keys, tombstones, service_instances, ports, shared_role_users, credentials,
  task_steps, task_log, tasks, database_servers, databases, hosts, servers, secrets, installation;
DROP SEQUENCE epochs;
DROP FUNCTION refuse_audit_change();
