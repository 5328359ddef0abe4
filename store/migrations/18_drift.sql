-- Up Migration

-- Servers on which somebody works by hand: nothing is rotated, repaired or issued there meanwhile. A row is there while that is so.
CREATE TABLE server_maintenance (
  server_name    text PRIMARY KEY REFERENCES servers (name) ON DELETE CASCADE,
  reason         text NOT NULL,
  -- Account that asked for it.
  actor          text NOT NULL,
  since          timestamptz NOT NULL DEFAULT now(),
  -- It ends by itself then; null: only when somebody ends it.
  until          timestamptz
);

-- What is to be done about each kind of drift, and how often a server is looked at. Without a row the default holds.
CREATE TABLE drift_policies (
  server_name    text PRIMARY KEY REFERENCES servers (name) ON DELETE CASCADE,
  policy         jsonb NOT NULL,
  updated_at     timestamptz NOT NULL DEFAULT now()
);

-- The document that a server is held against: the one that was applied last, and the one that somebody named, which comes first.
CREATE TABLE managed_documents (
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  source         text NOT NULL CHECK (source IN ('applied', 'named')),
  -- Without secrets.
  document       jsonb NOT NULL,
  -- Task that applied it.
  task_id        uuid,
  actor          text NOT NULL,
  -- Whoever applied it is no administrator: what is repaired by it is judged by that.
  without_admin_role boolean NOT NULL DEFAULT false,
  recorded_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (server_name, source)
);

-- What was seen at the last looks at a server.
CREATE TABLE drift_looks (
  server_name    text PRIMARY KEY REFERENCES servers (name) ON DELETE CASCADE,
  -- From then on sessions were sampled.
  observing_since timestamptz,
  looked_at      timestamptz,
  -- When it was last read as a whole.
  inspected_at   timestamptz,
  next_look_at   timestamptz NOT NULL DEFAULT now(),
  -- Hash of what the server has by database (empty name: the server itself), as it was before it was read.
  fingerprints   jsonb NOT NULL DEFAULT '{}',
  -- Hash of what it was held against.
  basis          text,
  unchanged_since timestamptz,
  -- Where its history was: {"timeline": 1, "position": "0/3000060"}.
  history        jsonb,
  -- Which metadata database wrote this row: another one was made from a backup.
  metadata       text,
  -- Why it could not be looked at.
  problem        text,
  -- Why nothing is repaired until somebody says so: the server or our own records were restored from a backup.
  held_back      text,
  held_back_at   timestamptz,
  -- What requests changed since the managed document was recorded, by role: {"document": "…", "roles": {"app": {"privileges": "task"}}}.
  superseded     jsonb,
  -- Requests that were under way at the last inspection: whenever they end, what they change is no drift.
  under_way      uuid[] NOT NULL DEFAULT '{}',
  -- What was counted at the last inspection, for people.
  summary        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX drift_looks_next ON drift_looks (next_look_at);

-- Managed roles as they were when they were last seen right: after the last change that was made through this installation.
CREATE TABLE guarded_roles (
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  role_name      text NOT NULL,
  role_oid       bigint NOT NULL,
  -- As a part of a document: attributes, settings, memberships.
  state          jsonb NOT NULL,
  -- HMAC of the stored verifier; null where it cannot be read, or there is none.
  verifier_mark  text,
  -- Version of the credential that the mark belongs to.
  version        integer NOT NULL,
  taken_at       timestamptz NOT NULL DEFAULT now(),
  -- When the password on record last logged in or was found to match.
  proven_at      timestamptz,
  PRIMARY KEY (server_name, role_name)
);

CREATE TABLE drift_findings (
  -- UUIDv7.
  id             uuid PRIMARY KEY,
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  -- What it is the same finding by.
  key            text NOT NULL,
  kind           text NOT NULL,
  -- What it was held against.
  source         text NOT NULL CHECK (source IN ('document', 'credential')),
  role_name      text,
  database_name  text,
  object         text,
  expected       text NOT NULL,
  found          text NOT NULL,
  state          text NOT NULL CHECK (state IN ('open', 'repaired', 'ignored', 'resolved')),
  -- Why it is not repaired although the policy says so.
  held_back      text,
  -- Repairs in a row that did not last.
  repairs        integer NOT NULL DEFAULT 0,
  -- Task of the last repair.
  task_id        uuid,
  first_seen_at  timestamptz NOT NULL DEFAULT now(),
  last_seen_at   timestamptz NOT NULL DEFAULT now(),
  ended_at       timestamptz,
  UNIQUE (server_name, key)
);
CREATE INDEX drift_findings_server ON drift_findings (server_name, id);
CREATE INDEX drift_findings_state ON drift_findings (server_name, state, id);

-- When logins were last seen with an open session, at the times of the looks.
CREATE TABLE login_sightings (
  server_name    text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  role_name      text NOT NULL,
  seen_at        timestamptz NOT NULL,
  PRIMARY KEY (server_name, role_name)
);

-- What ended on a server or database since a look.
CREATE INDEX tasks_ended ON tasks (entity_id, completed_at) WHERE completed_at IS NOT NULL;

-- Down Migration

DROP INDEX tasks_ended;

DROP TABLE login_sightings, drift_findings, guarded_roles, drift_looks, managed_documents, drift_policies, server_maintenance;
DELETE FROM tasks WHERE type = 'check_drift';
