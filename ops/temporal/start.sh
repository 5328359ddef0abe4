#!/bin/sh
# Runs the Temporal server in docker-compose.yml, after bringing the schemas of its two databases up to date. The server takes
# its password from its environment only: here it is read from a file, so that inspection of the container does not show it.
set -eu

SQL_PASSWORD=$(cat /run/secrets/temporal-password)
BROADCAST_ADDRESS=$(hostname -i | cut -d ' ' -f 1)
export SQL_PASSWORD BROADCAST_ADDRESS SQL_PLUGIN=postgres12 SQL_PORT=5432

# Makes the tables of versions, and whatever is newer than what a database has; nothing where all of it is there.
bring_up_to_date() {
  export SQL_DATABASE="$1"
  temporal-sql-tool setup-schema --version 0.0
  temporal-sql-tool update-schema --schema-name "postgresql/v12/$2"
}
bring_up_to_date temporal temporal
bring_up_to_date temporal_visibility visibility

exec temporal-server --root / --config etc/pgsteward/temporal --env server start
