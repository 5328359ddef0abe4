import type { ReplicationEndpoint } from './endpoints.ts';

/** What a host worker says of the PostgreSQL server beside it. */
export interface HostPostgres {
  /** Name of the registered server that it is, or is one of. */
  server?: string;
  /** Which endpoint of that server, where the addresses of the host do not tell. */
  endpoint?: ReplicationEndpoint;
  /** Data directory of a server that this worker stops, starts and promotes for a switchover; absent where it may not. */
  dataDir?: string;
}

/** Where a server that is not necessarily running stands, read from its control file. */
export interface PostgresCondition {
  running: boolean;
  /** Follows another server, or will at its next start. */
  standby: boolean;
  systemIdentifier: string;
  timeline: number;
  /** After a shutdown in order: where its last WAL record begins, as bytes. */
  shutdownPosition?: number;
}

/**
 * Activities of the PostgreSQL server beside a host worker, for hosts with `HostPostgres.dataDir`. Every one may run twice.
 * Orders are sealed to the host like service bundles, so that write access to Temporal alone stops no server (R12, R13).
 */
export interface HostPostgresActivities {
  /** Whether the host runs the server that the order names, and how. @throws NotAllowed */
  describePostgres(input: PostgresOrderInput): Promise<PostgresCondition>;
  /**
   * Logs in to the candidate as a standby would, before anything is stopped. @throws NotAllowed where the former primary could not
   * follow it: another cluster, a wrong password, no entry in pg_hba.conf
   */
  proveFollowing(input: PostgresOrderInput): Promise<PostgresCondition>;
  /** Stops in order: sessions end, and standbys that are connected receive everything. @throws StaleTask after the end of the switchover */
  stopPrimary(input: PostgresOrderInput): Promise<PostgresCondition>;
  /** Makes a standby the primary. @throws StaleTask after {@link HostPostgresActivities.endPromotion} */
  promoteStandby(input: PostgresOrderInput): Promise<PostgresCondition>;
  /** From now on the task promotes nothing here, whatever is still under way. @returns what has become of the server */
  endPromotion(input: PostgresOrderInput): Promise<PostgresCondition>;
  /** Undo of stopPrimary: starts the server as what it was. One that runs is left alone. */
  startPrimary(input: PostgresOrderInput): Promise<PostgresCondition>;
  /** Starts a former primary as a standby of the new one. One that follows already is left alone. */
  startStandby(input: PostgresOrderInput): Promise<PostgresCondition>;
}

/** Names the PostgreSQL instance and the task; `sealedOrder` is a JWE of a {@link PostgresOrder}. */
export interface PostgresOrderInput {
  instanceId: string;
  taskId: string;
  sealedOrder: string;
}

/** What a switchover asks of one host. */
export interface PostgresOrder {
  instanceId: string;
  taskId: string;
  hostId: string;
  /** The cluster: a data directory with another one is left alone. */
  systemIdentifier: string;
  /** What this host has to do with the task: a former primary is never promoted, nor a candidate stopped. */
  part: 'primary' | 'candidate';
  /** How the other server is reached: what a former primary will follow. */
  other: ReplicationEndpoint;
  sslMode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  caCertificate?: string;
}
