-- Up Migration

-- What leases may be asked for without further rights: on which servers, with which group roles, for how long.
CREATE TABLE lease_templates (
  id                   uuid PRIMARY KEY,
  name                 text COLLATE "C" NOT NULL UNIQUE,
  -- Either one server, or every server that has all of these labels.
  server_name          text,
  labels               jsonb,
  group_roles          text[] NOT NULL,
  -- Role that gets what a lease's login leaves; null: one without privileges, made for the purpose.
  owner_role           text,
  default_ttl_seconds  integer NOT NULL CHECK (default_ttl_seconds > 0),
  max_ttl_seconds      integer NOT NULL CHECK (max_ttl_seconds >= default_ttl_seconds),
  -- Most live leases of this template; null: no bound of its own.
  quota                integer CHECK (quota >= 0),
  -- Accounts with the role of a member that may use it; `*` stands for all.
  accounts             text[] NOT NULL DEFAULT '{}',
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  CHECK ((server_name IS NULL) <> (labels IS NULL))
);

-- Logins that end by themselves. A row is the truth about when; nothing that happens to Temporal changes that.
CREATE TABLE leases (
  -- UUIDv7: leases are listed in the order in which they were asked for.
  id               uuid PRIMARY KEY,
  server_name      text NOT NULL,
  role_name        text NOT NULL,
  -- Null until the login is on record as made.
  role_oid         bigint,
  group_roles      text[] NOT NULL,
  template_id      uuid,
  template_name    text,
  owner_role       text,
  holder           text NOT NULL,
  reason           text NOT NULL,
  -- issuing: asked for. active. ending: has to go, or may have been made in vain. failed: could not be ended, somebody has to look.
  -- ended: gone, proven. refused: was not made.
  state            text NOT NULL CHECK (state IN ('issuing', 'active', 'ending', 'failed', 'ended', 'refused')),
  -- Request that makes the login.
  issue_task       uuid NOT NULL UNIQUE,
  ttl_seconds      integer NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  ends_at          timestamptz NOT NULL,
  max_ends_at      timestamptz NOT NULL,
  -- When something is to be done about it next; null: nothing by itself.
  due_at           timestamptz,
  -- Run that is at it until then.
  claimed_by       uuid,
  end_reason       text CHECK (end_reason IN ('expired', 'revoked', 'not_issued')),
  -- Names the end in the audit log.
  revocation_id    uuid,
  attempts         integer NOT NULL DEFAULT 0,
  last_error       text,
  -- Task that takes apart what the login owned.
  drop_task        uuid,
  ended_at         timestamptz,
  receipt          jsonb
);
CREATE UNIQUE INDEX leases_role ON leases (server_name, role_name) WHERE state NOT IN ('ended', 'refused');
CREATE INDEX leases_due ON leases (server_name, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX leases_server ON leases (server_name, id);
CREATE INDEX leases_holder ON leases (holder, id);
CREATE INDEX leases_failed ON leases (id) WHERE state = 'failed';

-- Live leases of each template, server and holder: what quotas are held against, in the transaction that accepts a lease.
CREATE TABLE lease_counts (
  kind   text NOT NULL CHECK (kind IN ('holder', 'server', 'template')),
  name   text NOT NULL,
  live   integer NOT NULL CHECK (live >= 0),
  PRIMARY KEY (kind, name)
);

-- Counts a lease for each quota, in the order in which all do, so that nobody waits crosswise. Refuses it where one is used up.
CREATE FUNCTION count_lease(kinds text[], names text[], bounds integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  quota record;
BEGIN
  FOR quota IN SELECT * FROM unnest(kinds, names, bounds) AS q (kind, name, most) ORDER BY kind, name LOOP
    INSERT INTO lease_counts AS c (kind, name, live)
    SELECT quota.kind, quota.name, 1 WHERE quota.most > 0
    ON CONFLICT (kind, name) DO UPDATE SET live = c.live + 1 WHERE c.live < quota.most;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'PSQ01', MESSAGE = 'a quota is used up', DETAIL = quota.kind;
    END IF;
  END LOOP;
END $$;

-- Until when the run that ends the leases of a server sleeps; null: it is awake, or there is none.
CREATE TABLE lease_clocks (
  server_name  text PRIMARY KEY,
  wakes_at     timestamptz
);

-- Down Migration

DELETE FROM credentials WHERE owner = 'leases';
DROP FUNCTION count_lease(text[], text[], integer[]);
DROP TABLE lease_clocks, lease_counts, leases, lease_templates;
