-- Up Migration

-- How and when the password of a role is changed. A row stays when it is deleted, until its Temporal schedule is gone, too.
CREATE TABLE rotations (
  -- UUIDv7: rows are listed in the order in which they were made.
  id                uuid PRIMARY KEY,
  server_name       text NOT NULL REFERENCES servers (name) ON DELETE CASCADE,
  role_name         text NOT NULL,
  strategy          text NOT NULL CHECK (strategy IN ('in-place', 'alternating')),
  -- When runs are due, as domain/rotations/schedule.ts has it; null: only when asked for.
  schedule          jsonb,
  -- Grace, session policy, databases, names of logins, override.
  options           jsonb NOT NULL,
  -- Consumers without their secrets, which are sealed under `rotation/<id>`.
  consumers         jsonb NOT NULL DEFAULT '[]',
  paused_at         timestamptz,
  -- Raised with every change of the schedule, and what of it Temporal has.
  revision          integer NOT NULL DEFAULT 1,
  applied_revision  integer NOT NULL DEFAULT 0,
  -- Login whose password is the current one; null until an alternating rotation has run: then it is the role itself.
  current_login     text,
  -- Version of the sealed current password; 0: none is known here.
  secret_version    integer NOT NULL DEFAULT 0,
  rotated_at        timestamptz,
  actor             text NOT NULL,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  deleted_at        timestamptz
);
CREATE UNIQUE INDEX rotations_role ON rotations (server_name, role_name) WHERE deleted_at IS NULL;
CREATE INDEX rotations_unapplied ON rotations (id) WHERE revision <> applied_revision;

-- Runs that were due or asked for. What triggered one names it: a repetition is the same run.
CREATE TABLE rotation_runs (
  id              uuid PRIMARY KEY,
  rotation_id     uuid NOT NULL REFERENCES rotations (id) ON DELETE CASCADE,
  trigger         text NOT NULL CHECK (trigger IN ('schedule', 'request')),
  trigger_id      text NOT NULL,
  due_at          timestamptz,
  task_id         uuid UNIQUE,
  -- Why there is no task: the run was skipped.
  skipped         text,
  -- Carried out with others in a batch.
  batched         boolean NOT NULL DEFAULT false,
  -- Login that was current, and the one whose password is set.
  previous_login  text NOT NULL,
  login           text NOT NULL,
  -- Databases whose services log in as the role, with their state before: [{"id", "state"}].
  databases       jsonb NOT NULL DEFAULT '[]',
  -- The point of no return: from here on the run only goes forward.
  settled_at      timestamptz,
  -- What was measured, such as the milliseconds in which neither password was everywhere.
  measured        jsonb NOT NULL DEFAULT '{}',
  created_at      timestamptz NOT NULL DEFAULT now(),
  UNIQUE (rotation_id, trigger_id)
);
CREATE INDEX rotation_runs_rotation ON rotation_runs (rotation_id, id);

-- Logins that a rotation made for a role.
ALTER TABLE credentials DROP CONSTRAINT credentials_origin_check,
  ADD CONSTRAINT credentials_origin_check CHECK (origin IN ('user', 'owner', 'script', 'adopted', 'engine', 'rotation'));

-- A task may hand its password to several receivers, each behind a link of its own.
ALTER TABLE handovers ADD COLUMN receiver text NOT NULL DEFAULT '',
  DROP CONSTRAINT handovers_task_id_key,
  ADD CONSTRAINT handovers_task_receiver UNIQUE (task_id, receiver);

-- Down Migration

DELETE FROM handovers WHERE receiver <> '';
ALTER TABLE handovers DROP CONSTRAINT handovers_task_receiver, DROP COLUMN receiver,
  ADD CONSTRAINT handovers_task_id_key UNIQUE (task_id);
DELETE FROM secrets WHERE owner LIKE 'rotation/%';
DELETE FROM credentials WHERE origin = 'rotation';
ALTER TABLE credentials DROP CONSTRAINT credentials_origin_check,
  ADD CONSTRAINT credentials_origin_check CHECK (origin IN ('user', 'owner', 'script', 'adopted', 'engine'));
DROP TABLE rotation_runs, rotations;
