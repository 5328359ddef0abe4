#!/bin/sh
# Runs once, when the metadata server of docker-compose.yml makes its data directory: databases and logins of pgsteward and of
# Temporal. Passwords come from files, so that no command line and no environment has them.
set -eu

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set pgsteward_password `cat /run/secrets/metadata-password`
\set temporal_password `cat /run/secrets/temporal-password`
CREATE ROLE pgsteward LOGIN PASSWORD :'pgsteward_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE pgsteward OWNER pgsteward;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE pgsteward, temporal, temporal_visibility FROM PUBLIC;
SQL
