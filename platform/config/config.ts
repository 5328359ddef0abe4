import type { ClaimGrants } from '../../domain/authority/claims.ts';
import type { RetentionDays } from '../../domain/retention/rules.ts';
import type { LogLevel } from '../log.ts';
import type { AuthMode } from './options/auth.ts';

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
