import type { TaskType } from '../../../store/tasks.ts';
import type { TaskFrame, TaskRef } from './task.ts';

/** What came of one round of a batch. */
export interface BatchRound {
  /** Requests that are not closed yet, newly claimed ones included; 0 ends the batch. */
  open: number;
  /** Pause before the next round, in milliseconds; 0 unless every open request waits for somebody else's lock. */
  pauseMs: number;
}

/** What came of a look for drift. */
export interface DriftReport {
  serverName: string;
  /** It was read as a whole: something had changed, or somebody asked. */
  inspected: boolean;
  /** What differs, and how much of that was not known before. */
  found: number;
  fresh: number;
  /** Tasks that repair some of it. */
  repairTaskIds?: string[];
  /** Why nothing is repaired. */
  heldBack?: string;
  /** Why it could not be looked at. */
  problem?: string;
}

/** What has become of a task that waits for approval. */
export type ApprovalLook =
  | { state: 'waiting'; subject: string; untilMs: number }
  | { state: 'approved'; type: TaskType }
  | { state: 'over'; reason: string };

/** Steps of tasks on servers, and what is looked after there without a task. */
export interface ServerActivities {
  /** Marks a task on a server running and loads its frame. @throws StaleTask when it is closed */
  beginServerTask(input: { taskId: string }): Promise<TaskFrame>;
  /**
   * Carries out a document: locks, inspects, compares with the plan that the caller saw, applies one transaction per database,
   * verifies. @throws PlanChanged, NotAllowed with what is missing, Contention
   * @returns whether passwords were set that only a login proves, or that the request wants proven
   */
  applyRoles(input: TaskRef): Promise<{ loginsToProve: boolean }>;
  /** Logs in as every role whose password the task has set. @throws LoginNotProven */
  proveLogins(input: TaskRef): Promise<void>;
  /** One round of the requests that were collected for a server: claims, carries out together, closes each by itself. */
  performBatch(input: { batchId: string }): Promise<BatchRound>;
  /** Looks whether a role may and can be dropped, and notes which one it is. @throws NotAllowed with all that stands in the way */
  previewDrop(input: TaskRef): Promise<void>;
  /** Takes login and password from the role. @returns how long its open sessions may go on, in milliseconds */
  lockOutRole(input: TaskRef): Promise<{ drainMs: number }>;
  /** Ends the sessions of the role, or only counts them. @returns how many are open @throws NotAllowed */
  endSessionsOfRole(input: TaskRef & { end: boolean }): Promise<{ open: number }>;
  /** Ends the memberships of the role, each grantor's own. */
  revokeFromRole(input: TaskRef): Promise<void>;
  /** Hands on what the role owns and ends its rights, one transaction per database. @throws VerificationFailed, Contention */
  reassignOwned(input: TaskRef): Promise<void>;
  /** Drops the role. */
  dropRole(input: TaskRef): Promise<void>;
  /** Proves that the role is gone, and keeps the receipt. @throws VerificationFailed */
  proveDropped(input: TaskRef): Promise<void>;
  /** Looks for drift on the server of a task, as a whole. */
  checkDrift(input: TaskRef): Promise<DriftReport>;
  /** How a task that waits for approval was decided; closes one whose time is over. */
  lookAtApproval(input: { taskId: string }): Promise<ApprovalLook>;
  /** Closes a successful task on a server. */
  finishServerTask(input: TaskRef): Promise<void>;
  /** Servers whose next look for drift is due. */
  listDriftDue(input: Record<string, never>): Promise<{ serverNames: string[] }>;
  /** One look for drift; a server that cannot be looked at is on record with the reason. */
  lookForDrift(input: { serverName: string }): Promise<DriftReport>;
  /**
   * Ends leases of a server whose time has come; what cannot be ended now is tried again later.
   * @returns milliseconds until something is to be done; null: nothing is
   */
  endDueLeases(input: { serverName: string }): Promise<{ nextMs: number | null }>;
}
