/** What a host worker needs to run one PostgREST instance, and what it says about it. Shared by control and host side. */
import type { HostPostgres } from './replication/host-postgres.ts';

/** PostgREST settings of one service, with every default applied. */
export interface PostgrestSettings {
  /** Exposed schemas, in order; never empty. */
  schemas: string[];
  anonymousRole: string;
  /** Connections in the pool, 1 to 30; PostgREST opens one more for its listener. */
  pool: number;
  /** Most rows in one response, 1 to 10000. */
  maxRows: number;
  jwtAudience?: string;
  jwtRoleClaimKey?: string;
  /** Comma-separated origins; absent means that no CORS header is sent at all. */
  corsAllowedOrigins?: string;
  /** Schema-qualified function called before each request. */
  preRequest?: string;
  /** LISTEN channel of this service alone. */
  channel: string;
}

/** How a service reaches its database: every node, in order of preference. */
export interface ServiceConnection {
  user: string;
  database: string;
  servers: { address: string; port: number }[];
  targetSessionAttributes: 'read-write' | 'primary' | 'prefer-standby' | 'standby' | 'any';
  sslMode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM of the CA that signed the servers' certificates. */
  caCertificate?: string;
  /** The host puts the name of the unit that it chose in its place. */
  applicationName: string;
}

/** Secrets of one service. Exists in the clear only in the process that sealed it and on the host that runs the service. */
export interface ServiceSecrets {
  /** Password of the `connect_as` role. */
  password: string;
  jwtSecret?: string;
}

/** What runs where: the part of an instance's orders that is no secret, and that its host keeps on its own disk. */
export interface ServicePlacement {
  installationId: string;
  instanceId: string;
  databaseId: string;
  serviceId: string;
  hostId: string;
  taskId: string;
  /** Fence: a host refuses work for an instance whose epoch is lower than one it has already seen (R9). */
  epoch: number;
  /** Exact PostgREST version, such as `12.0.2`. */
  version: string;
  /** Image asked for in the specification instead of the version table's. */
  image?: string;
  /** Address of the host that the service listens on. */
  address: string;
  /** Port of the API; the admin gateway listens on `port + 1`. */
  port: number;
  /** CPUs as a fraction (0.5 = half a core); absent = no limit. */
  cpus?: number;
  /** Memory limit in bytes; absent = no limit. */
  memoryBytes?: number;
  /** Extra labels for the container. */
  labels?: Record<string, string>;
}

/**
 * Everything a host needs to run one instance. Travels through Temporal only as a JWE sealed to the host's public key (R12).
 */
export interface ServiceBundle extends ServicePlacement {
  settings: PostgrestSettings;
  connection: ServiceConnection;
  secrets: ServiceSecrets;
}

/** How services run on a host. */
export type RuntimeKind = 'docker' | 'process';

/** What a host worker says about its host when it joins and when it is asked. */
export interface HostFacts {
  hostId: string;
  /** Identity of the worker process: new on every start. */
  workerId: string;
  runtime: RuntimeKind;
  cpus: number;
  memoryBytes: number;
  dataDir: string;
  /** Addresses that clients use to reach this host; the first one is what services bind to. */
  addresses: string[];
  components: Record<string, { healthy: boolean; error?: string; details?: Record<string, string> }>;
  /** PostgREST versions that can start here without asking a registry. */
  postgrestVersions: string[];
  /** The PostgreSQL server beside the worker, as far as it was told of one. */
  postgres?: HostPostgres;
}

/** State of one instance as its host sees it. */
export interface ServiceObservation {
  instanceId: string;
  databaseId: string;
  serviceId: string;
  port: number;
  running: boolean;
  /** Container id, or `pid:<n>` with the process runtime. */
  containerId: string;
  /** Full image reference, or the path-free name of the binary with the process runtime. */
  image: string;
  version: string;
  startedAt: string;
  /** Only in answers to {@link HostActivities.describeHost}. */
  health?: ServiceHealth;
}

/** Whether an instance answers requests, as its host saw it a moment ago. */
export interface ServiceHealth {
  healthy: boolean;
  /** Why it is not healthy. */
  message?: string;
  /** RFC 3339. */
  checkedAt: string;
}

/**
 * How a running instance is changed: `reload` makes the same process read its files again, `replace` puts a new one in
 * its place.
 */
export type ChangeMode = 'reload' | 'replace';

/** Outcome of a change of a running instance. */
export interface ChangedService extends ServiceObservation {
  /** How it was changed in the end: what a running process cannot read again makes a `reload` a `replace`. */
  mode: ChangeMode;
  /** RFC 3339: when the changed instance answered its first real request. */
  readyAt: string;
  /** Milliseconds from the moment its predecessor was told to stop until it answered; 0 when there was no such time. */
  gapMs: number;
  /**
   * The predecessor, when it had to be killed: what it was executing goes on in PostgreSQL until its sessions, which
   * have this `application_name`, are ended.
   */
  killedUnit?: { applicationName: string };
}

/** An order for an instance that its host could not be given at once. */
export interface Tombstone {
  instanceId: string;
  databaseId: string;
  taskId: string;
  epoch: number;
  /**
   * The change of this epoch was undone: the host brings back what was there before it. Absent: the instance must not
   * exist.
   */
  restore?: true;
}

/** Answer of a host to a liveness check; `facts` is missing where it did not answer in time. */
export interface HostCheck {
  hostId: string;
  /** RFC 3339. */
  checkedAt: string;
  facts?: HostFacts;
  services?: ServiceObservation[];
}
