import type { DevStack } from './stack.ts';

/** What {@link welcome} is made from. */
export interface WelcomeFacts extends Pick<DevStack, 'apiUrl' | 'uiUrl' | 'whyProcesses' | 'databases'> {
  hostId: string;
  /** Temporal's. */
  namespace: string;
  logFile: string;
  /** Since the command was given, with one digit after the point. */
  seconds: string;
}

/** What a newcomer reads when everything is ready: where things are, and a first request. */
export function welcome(facts: WelcomeFacts): string {
  const { apiUrl, logFile, seconds, databases } = facts;
  return `
Ready after ${seconds} s.

  API          ${apiUrl}/v1/databases
  Temporal UI  ${temporalUi(facts)}
  Log          ${logFile}
${runtimeNote(facts)}
${databases.length === 0 ? firstSteps(facts) : listed(facts)}
Ctrl-C stops everything, services too; the next start brings all of it back.
`;
}

/** The request that the README explains; `post_database_create` gives the new API something to serve. */
export function firstRequest(hostId: string): string {
  return `{
  "id": "storefront",
  "spec": {
    "database_name": "storefront",
    "nodes": [{ "name": "n1", "host_ids": ["${hostId}"] }],
    "database_users": [
      { "username": "app", "password": "changeme", "db_owner": true, "attributes": ["LOGIN"] }
    ],
    "scripts": {
      "post_database_create": [
        "CREATE TABLE products (id serial PRIMARY KEY, name text NOT NULL, price numeric)",
        "INSERT INTO products (name, price) VALUES ($$Widget$$, 9.99)"
      ]
    },
    "services": [
      {
        "service_id": "api",
        "service_type": "postgrest",
        "version": "latest",
        "host_ids": ["${hostId}"],
        "port": 3100,
        "connect_as": "app",
        "config": { "jwt_secret": "a-secret-key-of-at-least-32-characters" }
      }
    ]
  }
}`;
}

/** With a list of the runs that work on databases; the ones that only look after things come every few seconds. */
function temporalUi({ uiUrl, namespace }: WelcomeFacts): string {
  if (uiUrl === undefined) return 'that of the server that TEMPORAL_ADDRESS names';
  return `${uiUrl}
  Tasks there  ${uiUrl}/namespaces/${namespace}/workflows?query=PgDatabase+IS+NOT+NULL`;
}

function firstSteps({ apiUrl, hostId }: WelcomeFacts): string {
  return `Make a database with a REST API over it:

curl -X POST ${apiUrl}/v1/databases \\
  -H 'Content-Type: application/json' \\
  --data '${firstRequest(hostId)}'

and a second or two later read its rows:

curl http://127.0.0.1:3100/products
`;
}

const SHOWN = 10;

function listed({ apiUrl, databases }: WelcomeFacts): string {
  const more = databases.length > SHOWN ? `, and ${databases.length - SHOWN} more` : '';
  return `Databases: ${databases.slice(0, SHOWN).join(', ')}${more}. See them with:

curl ${apiUrl}/v1/databases
`;
}

function runtimeNote({ whyProcesses }: WelcomeFacts): string {
  if (whyProcesses === undefined) return '';
  return `
Services run as plain processes, not in containers: ${whyProcesses}.
They are the same PostgREST with the same settings, but nothing keeps them apart from the rest of this machine.
`;
}
