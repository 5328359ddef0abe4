-- Up Migration

-- False until a create (or the update that repaired one) has succeeded: such a database is made by an update, not changed.
ALTER TABLE databases ADD COLUMN provisioned boolean NOT NULL DEFAULT false;
-- A create that failed gave its roles back.
UPDATE databases d SET provisioned = d.state IN ('available', 'modifying', 'degraded', 'deleting')
  OR (d.state = 'failed' AND EXISTS (SELECT FROM credentials c WHERE c.database_id = d.id));

-- What an update starts from and leads to, beside the specification itself: undo and cleanup work from this row alone.
CREATE TABLE database_changes (
  task_id             uuid PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
  previous_spec       jsonb NOT NULL,
  -- {"force": bool, "removeHosts": [host id], "claimedRoles": [role name]}
  options             jsonb NOT NULL,
  -- Versions of the database's secrets by id, before and after.
  previous_secrets    jsonb NOT NULL,
  next_secrets        jsonb NOT NULL,
  -- Instances as they ran, and as they will: id, service, host, port, published, version.
  previous_instances  jsonb NOT NULL,
  next_instances      jsonb NOT NULL,
  -- The point of no return: from here on the update only goes forward.
  settled_at          timestamptz
);

-- Memberships that this control plane granted to a service's login: no other one is ever revoked.
CREATE TABLE granted_memberships (
  database_id    text NOT NULL REFERENCES databases (id) ON DELETE CASCADE,
  server_name    text NOT NULL REFERENCES servers (name),
  role_name      text NOT NULL,
  member_name    text NOT NULL,
  -- Task that granted it: its undo revokes it.
  task_id        uuid NOT NULL,
  PRIMARY KEY (database_id, server_name, role_name, member_name)
);

-- A host that was down when a change of its service was taken back restores what ran before, instead of removing it.
ALTER TABLE tombstones ADD COLUMN restore boolean NOT NULL DEFAULT false;

-- Down Migration

ALTER TABLE tombstones DROP COLUMN restore;
DROP TABLE granted_memberships, database_changes;
ALTER TABLE databases DROP COLUMN provisioned;
