import type { HostClaim, HostJoinConfirmation, HostJoinRequest, HostJoinResult } from '../../../domain/join.ts';
import type { ServiceState } from '../../../domain/monitoring/instance-status.ts';
import type { RetentionRuleName } from '../../../domain/retention/rules.ts';
import type { HostCheck } from '../../../domain/services.ts';
import type { TaskPlan } from './database.ts';
import type { RotationPlan } from './rotation.ts';
import type { TaskFailure, TaskFrame } from './task.ts';

/** An instance whose state was changed by what its host said about it. */
export interface StateChange {
  instanceId: string;
  databaseId: string;
  from: ServiceState;
  to: ServiceState;
  /** For people. */
  reason: string;
}

/** What the installation as a whole needs: runs that are gone, hosts, audit log, retention. */
export interface InstallationActivities {
  /** Closes a failed or cancelled task. One transaction. */
  failTask(input: TaskFailure): Promise<void>;
  /** Loads what a cleanup run must undo, newest step first; undefined when the task is closed. */
  beginCleanup(input: {
    taskId: string;
  }): Promise<{ plan: TaskFrame | TaskPlan | RotationPlan; steps: { step: string; target: string }[] } | undefined>;
  /** Starts pending tasks without a run and cleanups for runs that are gone. */
  reconcileTasks(input: { olderThanMs: number }): Promise<{ started: string[]; cleanups: string[] }>;
  /**
   * Checks a host worker's proof. Tells it which installation it belongs to, and names the worker that served the host id
   * before, unless that one left in order.
   */
  checkClaim(input: HostClaim): Promise<{ installationId: string; previousWorkerId: string | null }>;
  /** Records the join and tells the host what it must remove before it serves. */
  acceptJoin(input: HostJoinRequest): Promise<HostJoinResult>;
  /** Forgets the removals that the host has taken over, and names those that came up meanwhile. @throws JoinRefused when it was replaced */
  confirmJoin(input: HostJoinConfirmation): Promise<HostJoinResult>;
  recordLeave(input: { hostId: string; workerId: string }): Promise<void>;
  /** Host ids that have joined at least once. */
  listHostIds(input: Record<string, never>): Promise<{ hostIds: string[] }>;
  /** Judges the instances by what their hosts said, and records states and health. */
  recordHostChecks(input: { hosts: HostCheck[] }): Promise<{ changed: StateChange[] }>;
  /** Adds what is new in the audit log to its chain, and anchors the head. @returns how many rows */
  sealAudit(input: Record<string, never>): Promise<{ sealed: number }>;
  /** Removes some of what a rule of retention no longer keeps. @returns how much, and whether there may be more */
  removeExpired(input: { rule: RetentionRuleName; runId: string }): Promise<{ removed: number; more: boolean }>;
}
