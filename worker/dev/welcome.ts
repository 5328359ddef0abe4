import type { DevStack } from './stack.ts';

/** What {@link welcome} is made from. */
export interface WelcomeFacts
  extends Pick<DevStack, 'apiUrl' | 'usersUrl' | 'clustersUrl' | 'firstTeam' | 'uiUrl' | 'whyProcesses' | 'databases'> {
  /** With the token of the account `admin`. */
  tokenFile: string;
  /** Whether every request needs a token. */
  tokenNeeded: boolean;
  hostId: string;
  /** Temporal's. */
  namespace: string;
  /** Directory of all state. */
  home: string;
  logFile: string;
  /** Since the command was given, with one digit after the point. */
  seconds: string;
}

/** What a newcomer reads when everything is ready: where things are, and a first request. */
export function welcome(facts: WelcomeFacts): string {
  const { apiUrl, usersUrl, logFile, seconds, databases, tokenFile } = facts;
  return `
Ready after ${seconds} s.

  API          ${apiUrl}/v1/databases${usersUrl === undefined ? '' : `\n  Users API    ${usersUrl}/api/v1`}
  Temporal UI  ${temporalUi(facts)}
  Admin token  ${tokenFile}${tokenNote(facts)}
  Log          ${logFile}
${runtimeNote(facts)}
${databases.length === 0 ? firstSteps(facts) : listed(facts)}${clusterApi(facts)}
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

/** Which requests need it, in a few words. */
function tokenNote({ tokenNeeded }: WelcomeFacts): string {
  return tokenNeeded ? ', for every request' : ', for /v1/servers, accounts, tokens and the audit log';
}

/** The option of curl that brings the token along, where a request needs it. */
function tokenOption({ tokenNeeded, tokenFile }: WelcomeFacts): string {
  return tokenNeeded ? `-H "Authorization: Bearer $(cat '${tokenFile}')" ` : '';
}

function firstSteps(facts: WelcomeFacts): string {
  const { apiUrl, hostId } = facts;
  return `Make a database with a REST API over it:

curl -X POST ${tokenOption(facts)}${apiUrl}/v1/databases \\
  -H 'Content-Type: application/json' \\
  --data '${firstRequest(hostId)}'

and a second or two later read its rows:

curl http://127.0.0.1:3100/products
`;
}

/** At the first start only: the key is shown this once. */
function clusterApi({ firstTeam, clustersUrl, apiUrl, home }: WelcomeFacts): string {
  if (firstTeam === undefined) return '';
  const { key, clusterName } = firstTeam;
  const cb =
    clustersUrl === undefined
      ? 'cb needs TLS on port 443: start with PGSTEWARD_CLUSTERS_LISTEN=127.0.0.1:443, then'
      : 'The command line cb:';
  return `
The server is the cluster "${clusterName}" of team "administrators" for clients of Crunchy Bridge. Their API key, shown this once
and kept in ${home}/cbkey:

  ${key}

Terraform: provider "crunchybridge" { bridgeapi_url = "${apiUrl}", application_secret = "<the key>" }
${cb}
  SSL_CERT_FILE=${home}/tls/ca/ca.crt CB_HOST=localhost CB_API_KEY=<the key> cb list
`;
}

const SHOWN = 10;

function listed(facts: WelcomeFacts): string {
  const { apiUrl, databases } = facts;
  const more = databases.length > SHOWN ? `, and ${databases.length - SHOWN} more` : '';
  return `Databases: ${databases.slice(0, SHOWN).join(', ')}${more}. See them with:

curl ${tokenOption(facts)}${apiUrl}/v1/databases
`;
}

function runtimeNote({ whyProcesses }: WelcomeFacts): string {
  if (whyProcesses === undefined) return '';
  return `
Services run as plain processes, not in containers: ${whyProcesses}.
They are the same PostgREST with the same settings, but nothing keeps them apart from the rest of this machine.
`;
}
