import { join, resolve } from 'node:path';
import type { ClaimGrants } from '../../domain/authority/claims.ts';
import { RETENTION_RULE_NAMES, RETENTION_RULES, type RetentionDays } from '../../domain/retention/rules.ts';
import type { LogLevel } from '../log.ts';
import type { AuthMode } from './auth-options.ts';
import { isLoopback } from './loopback.ts';
import type { OptionValues } from './parse-options.ts';

/** An address and a port. */
export interface Endpoint {
  address: string;
  port: number;
}

/** The PostgreSQL server beside a host worker. */
export interface HostPostgresConfig {
  readonly server?: string;
  readonly endpoint?: Readonly<Endpoint>;
  /** Where the worker may stop, start and promote the server. */
  readonly control?: {
    readonly dataDir: string;
    readonly binDir: string;
    readonly replicationUser: string;
    readonly replicationPassfile: string;
  };
}

/** A password, or the file that has it. */
export type PasswordSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly file: string };

/** How callers are known. */
export interface AuthConfig {
  readonly mode: AuthMode;
  /** The pair of HTTP Basic. */
  readonly basic?: {
    readonly user: string;
    readonly password: PasswordSource;
  };
  /** Whose JWTs are accepted, and what the values of a claim give. */
  readonly oidc?: {
    readonly issuer: string;
    readonly audience: string;
    readonly claim: string;
    readonly grants: ClaimGrants;
  };
}

/** Everything that can be configured, with defaults applied. All paths are absolute. */
export interface Config {
  readonly home: string;
  readonly listen: Readonly<Endpoint>;
  /** Second listener, for `/` and `/api/v1` only. */
  readonly usersListen?: Readonly<Endpoint>;
  /** Another one, for the cluster API only. */
  readonly clustersListen?: Readonly<Endpoint>;
  readonly clusters: { readonly requestsPerMinute: number };
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly auth: AuthConfig;
  /** An existing metadata server, or the port at which an embedded one is started. */
  readonly metadata:
    | { readonly kind: 'existing'; readonly url: string; readonly passwordFile?: string }
    | { readonly kind: 'embedded'; readonly port: number };
  /** Port of the embedded target server. */
  readonly targetPort: number;
  /** Where the development stack serves what a browser or client of services asks. */
  readonly devAddress: string;
  readonly temporal: {
    readonly namespace: string;
    /** An existing frontend, or the ports at which a development server is started. */
    readonly server:
      | {
          readonly kind: 'existing';
          readonly address: string;
          readonly tls?: {
            readonly caFile?: string;
            readonly serverName?: string;
            readonly client?: { readonly certFile: string; readonly keyFile: string };
          };
          readonly apiKeyFile?: string;
        }
      | { readonly kind: 'development'; readonly port: number; readonly uiPort: number; readonly cliPath?: string };
    readonly codecPort: number;
    /** Origins of the Temporal UI, for which payloads are decrypted. */
    readonly uiOrigins: readonly string[];
    /** Of a namespace that is missing and registered. */
    readonly retentionDays: number;
    /** Where Temporal's SDK serves metrics of its own. */
    readonly metricsListen?: Readonly<Endpoint>;
  };
  readonly host: {
    readonly id: string;
    /** Never empty; services listen on the first one. */
    readonly addresses: readonly string[];
    readonly dataDir: string;
    readonly runtime: 'auto' | 'docker' | 'process';
    readonly dockerNetwork: 'host' | 'bridge';
    readonly serviceUid: number;
    readonly postgres: HostPostgresConfig;
  };
  /** Both ends included. */
  readonly portRange: { readonly first: number; readonly last: number };
  readonly postgrestImage?: string;
  readonly files: {
    readonly codecKeyring: string;
    readonly sealKeyring: string;
    readonly joinToken: string;
    readonly adminToken: string;
    readonly auditAnchors: string;
  };
  readonly logLevel: LogLevel;
  /** Where metrics are served. */
  readonly metricsListen?: Readonly<Endpoint>;
  /** Collector of traces, without a slash at the end. */
  readonly tracesEndpoint?: string;
  readonly taskTimeoutMs: number;
  readonly drainMs: number;
  readonly reconcileIntervalMs: number;
  readonly monitor: { readonly intervalMs: number; readonly graceMs: number };
  readonly failoverIntervalMs: number;
  readonly driftIntervalMs: number;
  readonly notifyIntervalMs: number;
  readonly auditSealIntervalMs: number;
  readonly retention: { readonly intervalMs: number; readonly days: RetentionDays };
  readonly allowedRoles: readonly string[];
  /** Role that imports of a registry register servers with. */
  readonly defaultAdmin?: { readonly user: string; readonly password: PasswordSource };
  /** Links to passwords; `publicUrl` null: under the address of the request. */
  readonly handover: { readonly hours: number; readonly publicUrl: string | null };
  /** Bounds of live leases, of requests that wait for one, and of attempts to end one. */
  readonly leases: {
    readonly perServer: number;
    readonly perHolder: number;
    readonly waiting: number;
    readonly attempts: number;
  };
  /** Age at which the rights of groups of users are seen to again; null: never. */
  readonly groupRefreshMs: number | null;
  /** Directory that files of rotation consumers lie below; null: there is none. */
  readonly consumersDir: string | null;
}

/** What defaults depend on. */
export interface Machine {
  platform: NodeJS.Platform;
  uid: number;
  workingDirectory: string;
}

const LOOPBACK = '127.0.0.1';
/** Of the Temporal development server. */
const UI_PORT = 8233;

/** Applies defaults to what is set. */
export function assembleConfig(set: OptionValues, machine: Machine): Config {
  const path = (value: string) => resolve(machine.workingDirectory, value);
  const home = path(set.PGSTEWARD_HOME ?? '.pgsteward');
  const hostId = set.PGSTEWARD_HOST_ID ?? 'host-1';
  const devAddress = set.PGSTEWARD_DEV_ADDRESS ?? LOOPBACK;
  const listen = set.PGSTEWARD_LISTEN ?? { address: devAddress, port: 3000 };
  return deepFreeze({
    home,
    listen: { address: listen.address, port: set.PGSTEWARD_PORT ?? listen.port },
    ...(set.PGSTEWARD_USERS_LISTEN === undefined ? {} : { usersListen: set.PGSTEWARD_USERS_LISTEN }),
    ...(set.PGSTEWARD_CLUSTERS_LISTEN === undefined ? {} : { clustersListen: set.PGSTEWARD_CLUSTERS_LISTEN }),
    clusters: { requestsPerMinute: set.PGSTEWARD_CLUSTERS_REQUESTS_PER_MINUTE ?? 3000 },
    ...(set.PGSTEWARD_TLS_CERT_FILE === undefined || set.PGSTEWARD_TLS_KEY_FILE === undefined
      ? {}
      : { tls: { certFile: path(set.PGSTEWARD_TLS_CERT_FILE), keyFile: path(set.PGSTEWARD_TLS_KEY_FILE) } }),
    auth: authOf(set, path),
    metadata: metadataOf(set, path),
    targetPort: set.PGSTEWARD_TARGET_PORT ?? 54321,
    devAddress,
    temporal: {
      namespace: set.TEMPORAL_NAMESPACE ?? 'default',
      server: temporalServerOf(set, path),
      codecPort: set.PGSTEWARD_CODEC_PORT ?? 8234,
      uiOrigins:
        set.PGSTEWARD_TEMPORAL_UI_ORIGINS ??
        [LOOPBACK, 'localhost'].map((name) => `http://${name}:${set.PGSTEWARD_TEMPORAL_UI_PORT ?? UI_PORT}`),
      retentionDays: set.PGSTEWARD_TEMPORAL_RETENTION_DAYS ?? 7,
      ...(set.PGSTEWARD_TEMPORAL_METRICS_LISTEN === undefined
        ? {}
        : { metricsListen: set.PGSTEWARD_TEMPORAL_METRICS_LISTEN }),
    },
    host: {
      id: hostId,
      addresses: set.PGSTEWARD_HOST_ADDRESSES ?? [...new Set([devAddress, LOOPBACK])],
      dataDir: path(set.PGSTEWARD_HOST_DATA_DIR ?? join(home, 'hosts', hostId)),
      runtime: set.PGSTEWARD_RUNTIME ?? 'auto',
      dockerNetwork: set.PGSTEWARD_DOCKER_NETWORK ?? (machine.platform === 'linux' ? 'host' : 'bridge'),
      serviceUid: set.PGSTEWARD_SERVICE_UID ?? (machine.uid === 0 ? NONROOT_UID : machine.uid),
      postgres: hostPostgresOf(set, path),
    },
    portRange: set.PGSTEWARD_PORT_RANGE ?? { first: 15000, last: 15999 },
    ...(set.PGSTEWARD_POSTGREST_IMAGE === undefined ? {} : { postgrestImage: set.PGSTEWARD_POSTGREST_IMAGE }),
    files: {
      codecKeyring: path(set.PGSTEWARD_CODEC_KEYRING_FILE ?? join(home, 'codec-keyring.json')),
      sealKeyring: path(set.PGSTEWARD_SEAL_KEYRING_FILE ?? join(home, 'seal-keyring.json')),
      joinToken: path(set.PGSTEWARD_JOIN_TOKEN_FILE ?? join(home, 'join-token')),
      adminToken: path(set.PGSTEWARD_ADMIN_TOKEN_FILE ?? join(home, 'admin-token')),
      auditAnchors: path(set.PGSTEWARD_AUDIT_ANCHOR_FILE ?? join(home, 'audit-anchors.jsonl')),
    },
    logLevel: set.PGSTEWARD_LOG_LEVEL ?? 'info',
    ...(set.PGSTEWARD_METRICS_LISTEN === undefined ? {} : { metricsListen: set.PGSTEWARD_METRICS_LISTEN }),
    ...(set.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { tracesEndpoint: set.OTEL_EXPORTER_OTLP_ENDPOINT }),
    taskTimeoutMs: (set.PGSTEWARD_TASK_TIMEOUT_SECONDS ?? 600) * 1000,
    drainMs: (set.PGSTEWARD_DRAIN_SECONDS ?? 10) * 1000,
    reconcileIntervalMs: (set.PGSTEWARD_RECONCILE_SECONDS ?? 15) * 1000,
    monitor: {
      intervalMs: (set.PGSTEWARD_MONITOR_SECONDS ?? 10) * 1000,
      graceMs: (set.PGSTEWARD_MONITOR_GRACE_SECONDS ?? 30) * 1000,
    },
    auditSealIntervalMs: (set.PGSTEWARD_AUDIT_SEAL_SECONDS ?? 10) * 1000,
    retention: { intervalMs: (set.PGSTEWARD_RETENTION_MINUTES ?? 60) * 60_000, days: retentionDays(set) },
    failoverIntervalMs: (set.PGSTEWARD_FAILOVER_SECONDS ?? 5) * 1000,
    driftIntervalMs: (set.PGSTEWARD_DRIFT_SECONDS ?? 10) * 1000,
    notifyIntervalMs: (set.PGSTEWARD_NOTIFY_SECONDS ?? 5) * 1000,
    allowedRoles: set.PGSTEWARD_ALLOWED_ROLES ?? [],
    ...defaultAdminOf(set, path),
    handover: { hours: set.PGSTEWARD_HANDOVER_HOURS ?? 24, publicUrl: set.PGSTEWARD_PUBLIC_URL ?? null },
    leases: {
      perServer: set.PGSTEWARD_LEASES_PER_SERVER ?? 10_000,
      perHolder: set.PGSTEWARD_LEASES_PER_HOLDER ?? 10_000,
      waiting: set.PGSTEWARD_LEASES_WAITING ?? 400,
      attempts: set.PGSTEWARD_LEASE_ATTEMPTS ?? 8,
    },
    consumersDir: set.PGSTEWARD_CONSUMERS_DIR === undefined ? null : path(set.PGSTEWARD_CONSUMERS_DIR),
    groupRefreshMs: (set.PGSTEWARD_GROUP_REFRESH_MINUTES ?? 60) * 60_000 || null,
  });
}

function retentionDays(set: OptionValues): RetentionDays {
  const days = RETENTION_RULE_NAMES.map((name) => {
    const { setting, defaultDays } = RETENTION_RULES[name];
    return [name, (set[setting] ?? defaultDays) || null];
  });
  return Object.fromEntries(days) as RetentionDays;
}

/** User `nonroot` of distroless images. */
const NONROOT_UID = 65532;

/** Half of what control of a server needs is reported as a conflict. */
function hostPostgresOf(set: OptionValues, path: (value: string) => string): HostPostgresConfig {
  const {
    PGSTEWARD_HOST_SERVER: server,
    PGSTEWARD_HOST_POSTGRES_ENDPOINT: endpoint,
    PGSTEWARD_HOST_POSTGRES_DATA_DIR: dataDir,
    PGSTEWARD_HOST_POSTGRES_BIN_DIR: binDir,
    PGSTEWARD_HOST_REPLICATION_USER: replicationUser,
    PGSTEWARD_HOST_REPLICATION_PASSFILE: passfile,
  } = set;
  const whole =
    dataDir !== undefined && binDir !== undefined && replicationUser !== undefined && passfile !== undefined;
  return {
    ...(server === undefined ? {} : { server }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(whole
      ? {
          control: {
            dataDir: path(dataDir),
            binDir: path(binDir),
            replicationUser,
            replicationPassfile: path(passfile),
          },
        }
      : {}),
  };
}

/** What is missing of the pair is reported as a conflict. */
function defaultAdminOf(set: OptionValues, path: (value: string) => string): Pick<Config, 'defaultAdmin'> {
  const { PG_ADMIN_USER: user, PG_ADMIN_PASS: text, PG_ADMIN_PASS_FILE: file } = set;
  const password = passwordSource({ text, file }, path);
  return user === undefined || password === undefined ? {} : { defaultAdmin: { user, password } };
}

/** What is missing of a pair or an issuer is reported as a conflict. */
function authOf(set: OptionValues, path: (value: string) => string): AuthConfig {
  const { PG_API_USER: user, PG_API_PASS: text, PG_API_PASS_FILE: file } = set;
  const password = passwordSource({ text, file }, path);
  const { PGSTEWARD_OIDC_ISSUER: issuer, PGSTEWARD_OIDC_AUDIENCE: audience, PGSTEWARD_OIDC_ROLES: grants } = set;
  return {
    mode: set.PGSTEWARD_AUTH ?? (isLoopback(set.PGSTEWARD_DEV_ADDRESS ?? LOOPBACK) ? 'open-loopback' : 'required'),
    ...(user === undefined || password === undefined ? {} : { basic: { user, password } }),
    ...(issuer === undefined || audience === undefined || grants === undefined
      ? {}
      : { oidc: { issuer, audience, claim: set.PGSTEWARD_OIDC_CLAIM ?? 'groups', grants } }),
  };
}

function passwordSource(
  set: { text: string | undefined; file: string | undefined },
  path: (value: string) => string,
): PasswordSource | undefined {
  if (set.file !== undefined) return { kind: 'file', file: path(set.file) };
  return set.text === undefined ? undefined : { kind: 'text', text: set.text };
}

function metadataOf(set: OptionValues, path: (value: string) => string): Config['metadata'] {
  if (set.PGSTEWARD_METADATA_URL === undefined) {
    return { kind: 'embedded', port: set.PGSTEWARD_METADATA_PORT ?? 54320 };
  }
  return {
    kind: 'existing',
    url: set.PGSTEWARD_METADATA_URL,
    ...(set.PGSTEWARD_METADATA_PASSWORD_FILE === undefined
      ? {}
      : { passwordFile: path(set.PGSTEWARD_METADATA_PASSWORD_FILE) }),
  };
}

function temporalServerOf(set: OptionValues, path: (value: string) => string): Config['temporal']['server'] {
  if (set.TEMPORAL_ADDRESS !== undefined) {
    const { address, port } = set.TEMPORAL_ADDRESS;
    const tls = temporalTlsOf(set, path);
    return {
      kind: 'existing',
      address: `${address.includes(':') ? `[${address}]` : address}:${port}`,
      ...(tls !== undefined && { tls }),
      ...(set.TEMPORAL_API_KEY_FILE !== undefined && { apiKeyFile: path(set.TEMPORAL_API_KEY_FILE) }),
    };
  }
  return {
    kind: 'development',
    port: set.PGSTEWARD_TEMPORAL_PORT ?? 7233,
    uiPort: set.PGSTEWARD_TEMPORAL_UI_PORT ?? UI_PORT,
    ...(set.TEMPORAL_CLI_PATH === undefined ? {} : { cliPath: path(set.TEMPORAL_CLI_PATH) }),
  };
}

type ExistingTemporal = Extract<Config['temporal']['server'], { kind: 'existing' }>;

/** An API key is a secret: it is not sent in the clear unless somebody says so. */
function temporalTlsOf(set: OptionValues, path: (value: string) => string): ExistingTemporal['tls'] {
  const {
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: caFile,
    TEMPORAL_TLS_SERVER_NAME: serverName,
    TEMPORAL_TLS_CLIENT_CERT_PATH: certFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: keyFile,
  } = set;
  const mentioned = [caFile, serverName, certFile, set.TEMPORAL_API_KEY_FILE].some((each) => each !== undefined);
  if (!(set.TEMPORAL_TLS ?? mentioned)) return undefined;
  return {
    ...(caFile !== undefined && { caFile: path(caFile) }),
    ...(serverName !== undefined && { serverName }),
    ...(certFile !== undefined &&
      keyFile !== undefined && { client: { certFile: path(certFile), keyFile: path(keyFile) } }),
  };
}

function deepFreeze<Value extends object>(value: Value): Readonly<Value> {
  for (const each of Object.values(value)) {
    if (typeof each === 'object' && each !== null) {
      deepFreeze(each);
    }
  }
  return Object.freeze(value);
}
