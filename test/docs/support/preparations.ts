import { publishedRegistry } from '../../users/support/sqlite-file.ts';

/**
 * What pages take for granted beside a running `npm start`: those of reference speak of databases and roles that their readers have.
 * Commands of the shell that the page is read in, and files that lie there.
 */
export interface Preparation {
  commands?: string;
  files?(on: { targetPort: number }): Promise<Record<string, string | Uint8Array>>;
}

/** Done once, before the first page. */
export const FOR_ALL: Preparation = {
  commands: `
ADMIN="Authorization: Bearer $(cat .pgsteward/admin-token)"
API=http://localhost:3000
post() { curl -X POST "$API$1" -H "$ADMIN" -H 'Content-Type: application/json' --data "$2"; }
export PGPASSWORD="$(cat .pgsteward/postgres/host-1.password)"
SERVER="host=localhost port=54321 user=$(cat .pgsteward/postgres/host-1.superuser) sslmode=verify-full sslrootcert=.pgsteward/tls/ca/ca.crt"
psql -q -v ON_ERROR_STOP=1 "$SERVER dbname=postgres" -c 'CREATE DATABASE myapp_dev' -c 'CREATE ROLE billing_readers' \\
  -c 'CREATE ROLE billing_owner' -c "CREATE ROLE batch_app LOGIN PASSWORD 'of-the-docs'" -c "CREATE ROLE billing_job LOGIN PASSWORD 'of-the-docs'"
psql -q -v ON_ERROR_STOP=1 "$SERVER dbname=myapp_dev" -c 'CREATE SCHEMA app' -c 'CREATE TABLE app.items (id integer)' \\
  -c 'CREATE FUNCTION app.pay(integer) RETURNS integer LANGUAGE sql AS $$ SELECT $1 $$' \\
  -c 'ALTER FUNCTION app.pay OWNER TO billing_owner'
post /api/v1/registry '{ "env": "dev", "db_name": "myapp_dev", "hostname": "pg-dev-01.example.com", "server": "host-1" }'
post /v1/accounts '{ "name": "alice", "role": "member" }'
post /v1/accounts '{ "name": "bob", "role": "member" }'
`,
};

export const PREPARATIONS: Readonly<Record<string, Preparation>> = {
  'docs/approvals.md': {
    commands: `
ADMIN="Authorization: Bearer $(cat .pgsteward/admin-token)"
post() { curl -X POST "http://localhost:3000$1" -H "$ADMIN" -H 'Content-Type: application/json' --data "$2"; }
post /api/v1/registry '{ "env": "prod", "db_name": "payroll", "hostname": "127.0.0.1", "port": 54321 }'
post /v1/accounts '{ "name": "lead", "role": "operator" }'
post /v1/accounts '{ "name": "oncall", "role": "operator" }'
LEAD="Authorization: Bearer $(npx pgsteward tokens create --name lead --account lead)"
`,
  },
  'docs/audit.md': { commands: 'for copy in a b; do cp .pgsteward/audit-anchors.jsonl $copy.jsonl; done' },
  'docs/cli.md': {
    commands: `
ADMIN="Authorization: Bearer $(cat .pgsteward/admin-token)"
post() { curl -X POST "http://localhost:3000$1" -H "$ADMIN" -H 'Content-Type: application/json' --data "$2"; }
post /v1/lease-templates '{ "name": "oncall", "server": "host-1", "roles": ["billing_readers"], "default_ttl": 600, "max_ttl": 3600 }'
post /v1/rotations '{ "server": "host-1", "role": "billing_job", "strategy": "in-place" }'
`,
  },
  'docs/postgrest.md': {
    commands: `
ADMIN="Authorization: Bearer $(cat .pgsteward/admin-token)"
curl -X POST http://localhost:3000/v1/databases -H 'Content-Type: application/json' --data '{
  "id": "catalogue",
  "spec": {
    "database_name": "catalogue",
    "nodes": [{ "name": "n1", "host_ids": ["host-1"] }],
    "database_users": [{ "username": "catalogue", "password": "of-the-docs", "db_owner": true, "attributes": ["LOGIN"] }],
    "services": [{
      "service_id": "api", "service_type": "postgrest", "version": "latest", "host_ids": ["host-1"], "connect_as": "catalogue",
      "config": { "jwt_secret": "a-secret-key-of-at-least-32-characters" }
    }]
  }
}'
npx pgsteward databases wait catalogue
`,
  },
  'docs/production.md': {
    commands: `
export PGPASSWORD="$(cat .pgsteward/postgres/host-1.password)"
SUPERUSER=$(cat .pgsteward/postgres/host-1.superuser)
`,
  },
  'docs/user-api.md': {
    commands: 'npx pgsteward users create --env dev --database myapp_dev --kind readonly --username jsmith',
  },
  'docs/users.md': {
    files: async ({ targetPort }) => ({
      'pg_registry.db': await publishedRegistry({
        entries: [['stage', 'orders', '127.0.0.1', targetPort, 1, null, '2025-01-01 00:00:00']],
        audit: [['stage', 'orders', 'web01_8080', 'create', 'success', '2025-01-02 00:00:00']],
      }),
      'registry.csv': 'env,db_name,hostname,port\nstage,invoices,127.0.0.1,54321\n',
    }),
  },
};
