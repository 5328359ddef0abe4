#!/bin/bash
# Stands in for the entry point of the official image `postgres`, as far as docker-compose.yml uses that: a superuser with a
# password from a file, scripts that run once, any user.
set -euo pipefail

user=${POSTGRES_USER:-postgres}

# initdb wants a name for its user id.
if ! getent passwd "$(id -u)" >/dev/null; then
  NSS_WRAPPER_PASSWD=$(mktemp)
  NSS_WRAPPER_GROUP=$(mktemp)
  echo "postgres:x:$(id -u):$(id -g):PostgreSQL:$PGDATA:/bin/false" >"$NSS_WRAPPER_PASSWD"
  echo "postgres:x:$(id -g):" >"$NSS_WRAPPER_GROUP"
  export NSS_WRAPPER_PASSWD NSS_WRAPPER_GROUP LD_PRELOAD=libnss_wrapper.so
fi

# Kept until everything has succeeded, so that a start that was cut short is begun anew.
unfinished="$PGDATA.unfinished"
if [ "${1:-}" = postgres ] && { [ ! -s "$PGDATA/PG_VERSION" ] || [ -e "$unfinished" ]; }; then
  rm -rf "$PGDATA"
  mkdir -p "$(dirname "$PGDATA")"
  touch "$unfinished"
  initdb --pgdata "$PGDATA" --username "$user" --pwfile "$POSTGRES_PASSWORD_FILE" --encoding UTF8 --locale C.UTF-8 \
    --auth-local trust --auth-host scram-sha-256 >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl --pgdata "$PGDATA" --options "-c listen_addresses=''" --wait --silent start
  for script in /docker-entrypoint-initdb.d/*.sh; do
    [ -e "$script" ] || continue
    POSTGRES_USER="$user" bash "$script"
  done
  pg_ctl --pgdata "$PGDATA" --mode fast --wait --silent stop
  rm "$unfinished"
fi
exec "$@"
