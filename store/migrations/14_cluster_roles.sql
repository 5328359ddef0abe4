-- Up Migration

-- Roles of clusters, whose passwords are kept sealed to be shown again. A row stays when its role is deleted; the next role of
-- that name has a row of its own.
CREATE TABLE cluster_roles (
  -- UUIDv7: rows are listed in the order in which they were made.
  id              uuid PRIMARY KEY,
  cluster_id      uuid NOT NULL,
  server_name     text NOT NULL,
  name            text COLLATE "C" NOT NULL,
  -- Whose role it is; null for those of the cluster itself.
  account_id      uuid,
  flavor          text NOT NULL CHECK (flavor IN ('read', 'write')),
  -- creating: not yet on record as made. deleting: a drop was begun, and is the only thing to go on with but making it anew.
  state           text NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),
  -- The role that this row is about: another one of its name was made by somebody else.
  role_oid        bigint,
  -- Version of the sealed password that logs in.
  secret_version  integer,
  -- Request that is about to set another password: until it has ended, nobody can tell which one logs in.
  changing_task   uuid,
  -- Raised with every such request, in the order in which they are committed on the server.
  mark            bigint NOT NULL DEFAULT 0,
  -- Of the request whose password is the one above.
  settled_mark    bigint NOT NULL DEFAULT 0,
  -- A request that was about to set a password failed, perhaps after it was set: it has to be set again.
  in_doubt        boolean NOT NULL DEFAULT false,
  created_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz
);
CREATE UNIQUE INDEX cluster_roles_name ON cluster_roles (cluster_id, name) WHERE deleted_at IS NULL;
CREATE INDEX cluster_roles_id ON cluster_roles (cluster_id, id) WHERE deleted_at IS NULL;
CREATE INDEX cluster_roles_gone ON cluster_roles (cluster_id, name, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX cluster_roles_changing ON cluster_roles (changing_task) WHERE changing_task IS NOT NULL;

-- What is seen to on servers that are clusters: the roles that each of them has from the start, and what flavors need in databases
-- that are made later.
CREATE TABLE cluster_looks (
  cluster_id   uuid PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
  looked_at    timestamptz NOT NULL DEFAULT now(),
  -- Its own roles were asked for.
  roles_asked  boolean NOT NULL DEFAULT false,
  -- What a superuser has to do first, or why the server could not be asked.
  problem      text
);

-- Down Migration

DELETE FROM secrets WHERE owner LIKE 'cluster/%';
DELETE FROM credentials WHERE owner LIKE 'cluster/%';
DROP TABLE cluster_looks, cluster_roles;
