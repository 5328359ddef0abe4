import type { WorkflowClient } from '@temporalio/client';
import type pg from 'pg';
import type { RetentionDays } from '../../domain/retention/rules.ts';
import type { HostCheck } from '../../domain/services.ts';
import type { Log } from '../../platform/log.ts';
import type { Sealer } from '../../platform/secrets/seal.ts';
import type { TargetRegistry } from '../../platform/target/registry.ts';
import type { Signals } from '../../store/signals.ts';
import type { AuditSealer } from './audit/sealer.ts';
import type { AuditTrimmer } from './audit/trimmer.ts';

/** What control activities act through. One object per process, made by the worker's entry point. */
export interface ControlDeps {
  /** Metadata database. */
  db: pg.Pool;
  installationId: string;
  targets: TargetRegistry;
  sealer: Sealer;
  auditSealer: AuditSealer;
  auditTrimmer: AuditTrimmer;
  /** How long things are kept. */
  retention: RetentionDays;
  /** What other processes tell of tasks. */
  signals: Signals;
  workflows: WorkflowClient;
  /** Task queue that control workflows are started on. */
  taskQueue: string;
  /** Roles that any specification may name, besides the database's own (R1). */
  allowedRoles: ReadonlySet<string>;
  /** Age in milliseconds at which the rights of groups of users are seen to again; null: never. */
  groupRefreshMs: number | null;
  /** How often the end of a lease is tried before somebody is told. */
  leaseAttempts: number;
  /** Token that joining host workers must prove to hold (R12). */
  joinToken: string;
  /** Bound of the forward part of one task. */
  taskTimeoutMs: number;
  /** How long requests of a service that is replaced may go on before it is killed, in milliseconds. */
  drainMs: number;
  /** How patient the monitor is with services, and how long its looks stand, in milliseconds. */
  monitor: { graceMs: number; freshMs: number };
  /** Hears of each look at all hosts. */
  hostsChecked?: (checks: readonly HostCheck[]) => void;
  /** Directory that files of consumers lie below, also those of PgBouncers; null: there is none. */
  consumersDir: string | null;
  /** Links to passwords: how long they are good for, and under which address they are reached. */
  handover: { hours: number; publicUrl: string | null };
  log: Log;
}
