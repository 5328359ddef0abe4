-- Up Migration

ALTER TABLE servers
  -- What an administrator allows on this server: {"allowPlainTextPasswords": false}.
  ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
  -- What the server said of itself when it was last asked with success: rights of the admin role, limits. No secret.
  ADD COLUMN probe jsonb,
  ADD COLUMN probed_at timestamptz;

-- Who uses a server, looked up before it is forgotten.
CREATE INDEX hosts_server ON hosts (server_name);
CREATE INDEX database_servers_server ON database_servers (server_name);

-- Down Migration

DROP INDEX hosts_server, database_servers_server;
ALTER TABLE servers DROP COLUMN settings, DROP COLUMN probe, DROP COLUMN probed_at;
