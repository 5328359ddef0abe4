import { isIP } from 'node:net';
import { z } from 'zod';
import { IDENTIFIER_RULE, isIdentifier, POSTGRES_NAME_MAX_BYTES } from '../../domain/identifiers.ts';
import { RETENTION_RULES, type RetentionRuleName } from '../../domain/retention/rules.ts';
import { MAX_HANDOVER_HOURS } from '../../domain/users/handover.ts';
import { LOG_LEVELS } from '../log.ts';
import { AUTH_MODES, claimGrants, issuerUrl } from './auth-options.ts';
import {
  endpoint,
  hostAddress,
  integer,
  list,
  type Option,
  option,
  origins,
  port,
  portOrAny,
  portRange,
  publicUrl,
  text,
} from './option.ts';
import { passwordlessPostgresUrl } from './postgres-url.ts';
import { temporalOptions } from './temporal-options.ts';

/** How long something is kept. */
function keepDays(rule: RetentionRuleName): Option<number> {
  const { what, defaultDays } = RETENTION_RULES[rule];
  return option({
    schema: integer(0, MAX_KEEP_DAYS),
    default: `\`${defaultDays}\``,
    meaning: `Days after which retention removes ${what}; 0 never.`,
  });
}
/** A hundred years. */
const MAX_KEEP_DAYS = 36_500;

/** Every environment variable that this program reads, in the order in which documentation lists them. */
export const OPTIONS = {
  PGSTEWARD_HOME: option({
    schema: text,
    default: '`.pgsteward` in the working directory',
    meaning: 'Directory of all state: keyrings, tokens, logs and, in the development stack, databases.',
  }),
  PGSTEWARD_LISTEN: option({
    schema: endpoint(portOrAny),
    default: '`127.0.0.1:3000`',
    meaning:
      'Address and port of the API; port 0 takes any free one. Other than loopback addresses need `PGSTEWARD_AUTH=required`.',
  }),
  PGSTEWARD_PORT: option({
    schema: portOrAny,
    default: 'the port in `PGSTEWARD_LISTEN`',
    meaning: 'Port of the API, for those who want to change nothing else.',
  }),
  PGSTEWARD_USERS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no such listener',
    meaning:
      'Address and port of a second listener for `/` and `/api/v1` only, such as `127.0.0.1:5000`, where clients of pg-user-api look. The same rules hold as on the first.',
  }),
  PGSTEWARD_CLUSTERS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no such listener',
    meaning:
      'Address and port of another listener for the cluster API (`/account`, `/teams`, `/clusters`, `/access-tokens`) only, such as `127.0.0.1:443`, where the command line `cb` looks, over TLS. The same rules hold as on the first.',
  }),
  PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE: option({
    schema: integer(1, 1_000_000),
    default: '`3000`',
    meaning: 'Requests to the cluster API that one token may make within a minute; more are answered 429.',
  }),
  PGSTEWARD_AUTH: option({
    schema: z.enum(AUTH_MODES, `must be ${AUTH_MODES.join(' or ')}`),
    default: '`open-loopback`',
    meaning:
      'Whether the published routes of the pgEdge API need no credentials on loopback (`open-loopback`), or every route needs them (`required`).',
  }),
  PGSTEWARD_ADMIN_TOKEN_FILE: option({
    schema: text,
    default: '`admin-token` in `PGSTEWARD_HOME`',
    meaning: 'File that gets the token of the first administrator, when there is none yet.',
  }),
  PGSTEWARD_TLS_CERT_FILE: option({
    schema: text,
    default: 'plain HTTP',
    meaning: 'Certificate of the API with its chain, in PEM form; read again when it changes.',
  }),
  PGSTEWARD_TLS_KEY_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'Key of that certificate in PEM form, readable by its owner only.',
  }),
  PG_API_USER: option({
    schema: text.regex(/^[^:\p{Cc}]{1,200}$/u, 'must be a name without colon'),
    default: 'HTTP Basic is not accepted',
    meaning: 'User name of HTTP Basic on `/api/v1`.',
  }),
  PG_API_PASS: option({
    schema: text,
    default: 'none',
    meaning: 'Password of HTTP Basic, as clients of pg-user-api know it. Better use `PG_API_PASS_FILE`.',
  }),
  PG_API_PASS_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'File, readable by its owner only, with the password of HTTP Basic.',
  }),
  PGSTEWARD_OIDC_ISSUER: option({
    schema: issuerUrl,
    default: 'JWTs are not accepted',
    meaning: 'Issuer of JWTs that are accepted as bearer tokens, as in their claim `iss`.',
  }),
  PGSTEWARD_OIDC_AUDIENCE: option({
    schema: text,
    default: 'none',
    meaning: 'What their claim `aud` has to hold. Needed with `PGSTEWARD_OIDC_ISSUER`.',
  }),
  PGSTEWARD_OIDC_CLAIM: option({
    schema: text,
    default: '`groups`',
    meaning: 'Claim with the groups or roles of the caller: its name, or a path such as `realm_access.roles`.',
  }),
  PGSTEWARD_OIDC_ROLES: option({
    schema: claimGrants,
    default: 'none',
    meaning:
      'What values of that claim give, as JSON: `{"dba": {"role": "admin"}, "shop": {"role": "operator", "scope": {"databases": ["shop"]}}}`. Needed with `PGSTEWARD_OIDC_ISSUER`.',
  }),
  PGSTEWARD_METADATA_PORT: option({
    schema: port,
    default: '`54320`',
    meaning: 'Port of the embedded metadata server. Not used with `PGSTEWARD_METADATA_URL`.',
  }),
  PGSTEWARD_TARGET_PORT: option({
    schema: port,
    default: '`54321`',
    meaning: 'Port of the embedded target server of the development stack.',
  }),
  PGSTEWARD_METADATA_URL: option({
    schema: passwordlessPostgresUrl,
    default: 'an embedded server is started',
    meaning:
      'Existing metadata server, as `postgres://<user>@<address>:<port>/<database>` without a password; parameters such as `?sslmode=verify-full` may follow.',
  }),
  PGSTEWARD_METADATA_PASSWORD_FILE: option({
    schema: text,
    default: 'no password is sent',
    meaning: 'File, readable by its owner only, with the password for `PGSTEWARD_METADATA_URL`.',
  }),
  TEMPORAL_ADDRESS: option({
    schema: endpoint(port),
    default: 'a Temporal development server is started',
    meaning: 'Address and port of an existing Temporal frontend.',
  }),
  TEMPORAL_CLI_PATH: option({
    schema: text,
    default: '`temporal` on the `PATH`, or else a copy of our own',
    meaning: 'Temporal CLI that runs the development server.',
  }),
  TEMPORAL_NAMESPACE: option({
    schema: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, dots, hyphens and underscores'),
    default: '`default`',
    meaning: 'Temporal namespace.',
  }),
  ...temporalOptions,
  PGSTEWARD_TEMPORAL_RETENTION_DAYS: option({
    schema: integer(1, 365),
    default: '`7`',
    meaning:
      'Days for which Temporal keeps the histories of ended runs, where a control worker finds no namespace and registers it. That of a namespace that is there is left as it is.',
  }),
  PGSTEWARD_TEMPORAL_PORT: option({
    schema: port,
    default: '`7233`',
    meaning: 'Port of the Temporal development server. Not used with `TEMPORAL_ADDRESS`.',
  }),
  PGSTEWARD_TEMPORAL_UI_PORT: option({
    schema: port,
    default: '`8233`',
    meaning: 'Port of the Temporal UI of the development server. Not used with `TEMPORAL_ADDRESS`.',
  }),
  PGSTEWARD_CODEC_PORT: option({
    schema: portOrAny,
    default: '`8234`',
    meaning: 'Port, on loopback, that decrypts payloads for the Temporal UI; 0 takes any free one.',
  }),
  PGSTEWARD_TEMPORAL_UI_ORIGINS: option({
    schema: origins,
    default: '`http://127.0.0.1:<port>` and `http://localhost:<port>` with the port of the UI',
    meaning:
      'Origins of the Temporal UI, separated by commas: where its pages come from as a browser sees it. Payloads are decrypted for these only.',
  }),
  PGSTEWARD_DEV_ADDRESS: option({
    schema: z.string().refine((value) => isIP(value) !== 0, 'must be an IP address'),
    default: '`127.0.0.1`',
    meaning:
      'Address at which the development stack serves everything that others than its own processes use: API, Temporal UI, codec server and services, unless `PGSTEWARD_LISTEN` or `PGSTEWARD_HOST_ADDRESSES` say otherwise. Another one than loopback is for a container whose ports are published on loopback: neither UI nor codec server ask who calls. The API then does: `PGSTEWARD_AUTH` is `required` unless set.',
  }),
  PGSTEWARD_HOST_ID: option({
    schema: z.string().refine(isIdentifier, IDENTIFIER_RULE),
    default: '`host-1`',
    meaning: 'Id of the host that a host worker serves; `nodes[].host_ids` of a database name it.',
  }),
  PGSTEWARD_HOST_ADDRESSES: option({
    schema: list(hostAddress),
    default: '`127.0.0.1`',
    meaning: 'Addresses at which clients reach this host, separated by commas. Services listen on the first one.',
  }),
  PGSTEWARD_HOST_DATA_DIR: option({
    schema: text,
    default: '`hosts/<host id>` in `PGSTEWARD_HOME`',
    meaning: 'Directory of the host worker: its key and the files of its services.',
  }),
  PGSTEWARD_HOST_SERVER: option({
    schema: z.string().refine(isIdentifier, IDENTIFIER_RULE),
    default: 'none, or the server that `npm start` brings along',
    meaning: 'Registered server whose primary or standby runs on this host.',
  }),
  PGSTEWARD_HOST_POSTGRES_ENDPOINT: option({
    schema: endpoint(port),
    default: 'the endpoint of that server at an address of this host',
    meaning:
      'Which endpoint of `PGSTEWARD_HOST_SERVER` is on this host, as registered; needed where the addresses do not tell.',
  }),
  PGSTEWARD_HOST_POSTGRES_DATA_DIR: option({
    schema: text,
    default: 'the server is never stopped or started from here',
    meaning:
      'Data directory of the PostgreSQL server of this host, for switchovers. The worker runs as root or as the owner of the directory, and nothing else starts or stops that server.',
  }),
  PGSTEWARD_HOST_POSTGRES_BIN_DIR: option({
    schema: text,
    default: 'none',
    meaning: 'Directory of `pg_ctl` and `postgres` of that server. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_HOST_REPLICATION_USER: option({
    schema: text,
    default: 'none',
    meaning:
      'Role with REPLICATION that a former primary logs in to the new one with. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_HOST_REPLICATION_PASSFILE: option({
    schema: text,
    default: 'none',
    meaning:
      'Password file of libpq with that role, readable by the owner of the data directory only. Needed with `PGSTEWARD_HOST_POSTGRES_DATA_DIR`.',
  }),
  PGSTEWARD_RUNTIME: option({
    schema: z.enum(['auto', 'docker', 'process'], 'must be auto, docker or process'),
    default: '`auto`',
    meaning: 'How services run: in containers, as child processes, or in containers where a Docker Engine answers.',
  }),
  PGSTEWARD_DOCKER_NETWORK: option({
    schema: z.enum(['host', 'bridge'], 'must be host or bridge'),
    default: '`host` on Linux, `bridge` elsewhere',
    meaning: 'Network of service containers: that of the host, or published ports.',
  }),
  PGSTEWARD_SERVICE_UID: option({
    schema: integer(1, 2 ** 31 - 1),
    default: '`65532` for root, otherwise the own user',
    meaning: 'Numeric user and group that services run as and that owns their secret files.',
  }),
  PGSTEWARD_PORT_RANGE: option({
    schema: portRange,
    default: '`15000-15999`',
    meaning: 'Ports for services whose specification names none.',
  }),
  PGSTEWARD_POSTGREST_IMAGE: option({
    schema: z
      .string()
      .regex(/^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*$/, 'must be an image repository in lower case, without tag or digest'),
    default: 'as the version table says',
    meaning:
      'Image repository of PostgREST on a host, such as a mirror of `postgrest/postgrest` with its tags (`:v12.0.2`); not for services that name an image.',
  }),
  PGSTEWARD_CODEC_KEYRING_FILE: option({
    schema: text,
    default: '`codec-keyring.json` in `PGSTEWARD_HOME`',
    meaning: 'Keys for Temporal payloads. The same file on all machines, hosts included.',
  }),
  PGSTEWARD_SEAL_KEYRING_FILE: option({
    schema: text,
    default: '`seal-keyring.json` in `PGSTEWARD_HOME`',
    meaning: 'Keys for stored secrets. Never put it on a host. What they sealed is lost with them: keep a copy.',
  }),
  PGSTEWARD_JOIN_TOKEN_FILE: option({
    schema: text,
    default: '`join-token` in `PGSTEWARD_HOME`',
    meaning:
      'Token with which host workers join: the same file on all machines, or on a host one that `POST /v1/hosts/join-tokens` gave.',
  }),
  PGSTEWARD_LOG_LEVEL: option({
    schema: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
    default: '`info`',
    meaning: 'Lowest level that is logged: trace, debug, info, warn, error, fatal or silent.',
  }),
  PGSTEWARD_METRICS_LISTEN: option({
    schema: endpoint(portOrAny),
    default: 'no metrics; with `npm start` `127.0.0.1:9464`, or any free port where that one is taken',
    meaning:
      'Address and port at which this process serves metrics for Prometheus at `/metrics`, without credentials; port 0 takes any free one.',
  }),
  PGSTEWARD_TEMPORAL_METRICS_LISTEN: option({
    schema: endpoint(port),
    default: 'none',
    meaning: 'Address and port at which the Temporal SDK of this process serves metrics of its own at `/metrics`.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: option({
    schema: publicUrl,
    default: 'no traces',
    meaning:
      'Collector that traces are sent to over OTLP/HTTP, such as `http://127.0.0.1:4318`. Other variables of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_TRACES_SAMPLER`, hold too.',
  }),
  PGSTEWARD_TASK_TIMEOUT_SECONDS: option({
    schema: integer(10, 86_400),
    default: '`600`',
    meaning: 'Bound of one task in seconds: what has not succeeded by then fails and is undone.',
  }),
  PGSTEWARD_DRAIN_SECONDS: option({
    schema: integer(0, 60),
    default: '`10`',
    meaning: 'How long requests of a service that is replaced may go on, in seconds; then it is killed.',
  }),
  PGSTEWARD_RECONCILE_SECONDS: option({
    schema: integer(1, 3600),
    default: '`15`',
    meaning: 'Seconds between two searches for tasks without a workflow run.',
  }),
  PGSTEWARD_MONITOR_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning: 'Seconds between two looks at the services of all hosts.',
  }),
  PGSTEWARD_MONITOR_GRACE_SECONDS: option({
    schema: integer(1, 3600),
    default: '`30`',
    meaning: 'Seconds for which a running service may be unhealthy before its state is `failed`.',
  }),
  PGSTEWARD_FAILOVER_SECONDS: option({
    schema: integer(1, 3600),
    default: '`5`',
    meaning: 'Seconds between two looks for promoted standbys, of servers with several endpoints.',
  }),
  PGSTEWARD_DRIFT_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning:
      'Seconds between two searches for servers that are to be looked at for drift; the policy of a server says how often.',
  }),
  PGSTEWARD_NOTIFY_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`5`',
    meaning: 'Seconds between two searches of the audit log for events that a notification channel is for.',
  }),
  PGSTEWARD_AUDIT_SEAL_SECONDS: option({
    schema: integer(1, 86_400),
    default: '`10`',
    meaning: 'Seconds between two runs that chain what is new in the audit log.',
  }),
  PGSTEWARD_AUDIT_ANCHOR_FILE: option({
    schema: text,
    default: '`audit-anchors.jsonl` in `PGSTEWARD_HOME`',
    meaning:
      'File of a control worker that heads of the audit chain are added to. Keep copies where nobody who administers the metadata database can write.',
  }),
  PGSTEWARD_RETENTION_MINUTES: option({
    schema: integer(1, 10_080),
    default: '`60`',
    meaning: 'Minutes between two runs that remove what is no longer kept.',
  }),
  PGSTEWARD_KEEP_LOGS_DAYS: keepDays('logs'),
  PGSTEWARD_KEEP_TASKS_DAYS: keepDays('tasks'),
  PGSTEWARD_KEEP_RECEIPTS_DAYS: keepDays('receipts'),
  PGSTEWARD_KEEP_DELIVERIES_DAYS: keepDays('deliveries'),
  PGSTEWARD_KEEP_AUDIT_DAYS: keepDays('audit'),
  PG_ADMIN_USER: option({
    schema: z
      .string()
      .refine((role) => Buffer.byteLength(role) <= POSTGRES_NAME_MAX_BYTES, 'must be a role name of at most 63 bytes'),
    default: 'an import registers no servers unless it names a role',
    meaning: 'Role that an import of a registry registers servers with, where the import names none.',
  }),
  PG_ADMIN_PASS: option({
    schema: text,
    default: 'none',
    meaning: 'Its password, as installations of pg-user-api have it. Better use `PG_ADMIN_PASS_FILE`.',
  }),
  PG_ADMIN_PASS_FILE: option({
    schema: text,
    default: 'none',
    meaning: 'File, readable by its owner only, with the password of `PG_ADMIN_USER`.',
  }),
  PGSTEWARD_PUBLIC_URL: option({
    schema: publicUrl,
    default: 'the address that a request came to',
    meaning:
      'Address under which this API is reached, such as `https://pgsteward.example.com`: links to passwords begin with it.',
  }),
  PGSTEWARD_HANDOVER_HOURS: option({
    schema: integer(1, MAX_HANDOVER_HOURS),
    default: '`24`',
    meaning: 'Hours for which a link to a password is good, unless the request says otherwise.',
  }),
  PGSTEWARD_CONSUMERS_DIR: option({
    schema: text,
    default: 'rotations have no file or PgBouncer consumers',
    meaning:
      'Existing directory that files of rotation consumers lie below, authentication files of PgBouncers included. The same on all machines with an API or a control worker.',
  }),
  PGSTEWARD_GROUP_REFRESH_MINUTES: option({
    schema: integer(0, 10_080),
    default: '`60`',
    meaning:
      'Minutes after which the rights of the groups of users are seen to again, for what was created by roles that default privileges do not cover; 0 never.',
  }),
  PGSTEWARD_LEASES_PER_SERVER: option({
    schema: integer(0, 1_000_000),
    default: '`10000`',
    meaning: 'Most live leases of one server.',
  }),
  PGSTEWARD_LEASES_PER_HOLDER: option({
    schema: integer(0, 1_000_000),
    default: '`10000`',
    meaning: 'Most live leases of one account.',
  }),
  PGSTEWARD_LEASES_WAITING: option({
    schema: integer(1, 100_000),
    default: '`400`',
    meaning: 'Requests for leases of one server that wait in one process; more are told to come back later.',
  }),
  PGSTEWARD_LEASE_ATTEMPTS: option({
    schema: integer(1, 100),
    default: '`8`',
    meaning: 'How often the end of a lease is tried before it counts as failed; after that every five minutes.',
  }),
  PGSTEWARD_ALLOWED_ROLES: option({
    schema: list(
      z
        .string()
        .refine((role) => Buffer.byteLength(role) <= POSTGRES_NAME_MAX_BYTES, 'must be role names of at most 63 bytes')
        .refine((role) => !role.startsWith('pg_'), 'must not name predefined roles (pg_…)'),
    ),
    default: 'none',
    meaning: 'Shared roles that specifications may name although no database made them, separated by commas.',
  }),
};

/** Name of an environment variable that this program reads. */
export type OptionName = keyof typeof OPTIONS;
