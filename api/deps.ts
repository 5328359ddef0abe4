import type { WorkflowClient } from '@temporalio/client';
import type pg from 'pg';
import type { RetentionDays } from '../domain/retention/rules.ts';
import type { ParseSql } from '../domain/spec/scripts.ts';
import type { BasicPair } from '../platform/auth/basic-pair.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics/metrics.ts';
import type { Sealer } from '../platform/secrets/seal.ts';
import type { TargetRegistry } from '../platform/target/registry.ts';
import type { Tracing } from '../platform/tracing/tracing.ts';
import type { Signals } from '../store/signals.ts';
import type { IssuerAccess } from './access/identify-jwt.ts';
import type { Dispatcher } from './roles/dispatcher.ts';

/** What the API acts through. One object per process; the API itself keeps no state. */
export interface ApiDeps {
  /** Metadata database. */
  db: pg.Pool;
  workflows: WorkflowClient;
  installationId: string;
  /** What host workers join with (R12): a secret. */
  joinToken: string;
  /** Task queue of the control workers. */
  taskQueue: string;
  /** Whether this process runs a control worker on the same connection, which may take first workflow tasks directly. */
  eagerStart: boolean;
  /** What other processes tell of tasks. */
  signals: Signals;
  sealer: Sealer;
  targets: TargetRegistry;
  parseSql: ParseSql;
  /** Ports that services without a fixed one may get, both ends included. */
  portRange: { first: number; last: number };
  allowedRoles: ReadonlySet<string>;
  /** Role that an import registers servers with, where the import itself names none. */
  defaultAdmin?: { user: string; password: string };
  /** Links to passwords: how long they are good for, and under which address they are reached (`null`: that of the request). */
  handover: { hours: number; publicUrl: string | null };
  /** How long things are kept. */
  retention: RetentionDays;
  /** Whether rotations may have consumers whose files this installation writes. */
  hasConsumersDir: boolean;
  access: AccessDeps;
  /** Most live leases of a server and of an account, and requests for them that wait. */
  leases: { perServer: number; perHolder: number; waiting: number };
  /** Of the cluster API. */
  clusters: { requestsPerMinute: number };
  version: VersionInfo;
  log: Log;
  /** Where requests are counted. */
  metrics?: Pick<Metrics, 'requestAnswered'>;
  /** Where requests become spans, in a process that exports traces. */
  tracing?: Tracing;
  /** Which parts are not ready; empty when everything is. */
  readiness: () => Promise<string[]>;
}

/** How callers are known. */
export interface AccessDeps {
  /** Whether the published routes are open to whoever reaches the listener, which is on loopback then. */
  open: boolean;
  /** The pair of HTTP Basic on `/api/v1`, where one is set up. */
  basic?: BasicPair;
  /** Whose JWTs are accepted, where an issuer is set up. */
  issuer?: IssuerAccess;
}

/** The same for routes that change servers. */
export interface ServerApiDeps extends ApiDeps {
  /** Takes requests for one server together. */
  dispatcher: Dispatcher;
}

/** What is running. */
export interface VersionInfo {
  version: string;
  revision: string;
  revisionTime: string;
  arch: string;
}
