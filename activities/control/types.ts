import type { HostClaim, HostJoinConfirmation, HostJoinRequest, HostJoinResult } from '../../domain/join.ts';
import type { ServiceState } from '../../domain/monitoring/instance-status.ts';
import type { ReplicationEndpoint } from '../../domain/replication/endpoints.ts';
import type { RetentionRuleName } from '../../domain/retention/rules.ts';
import type { HostCheck, ServiceObservation } from '../../domain/services.ts';
import type { ControlUndoName } from '../../domain/steps.ts';
import type { InstanceChange } from '../../domain/update/instances.ts';
import type { TaskType } from '../../store/tasks.ts';

/** Names a task and the epoch under which it was accepted. */
export interface TaskRef {
  taskId: string;
  epoch: number;
}

/** One instance that a task deals with. */
export interface PlannedInstance {
  instanceId: string;
  serviceId: string;
  hostId: string;
  port: number;
}

/** What the frame of every task's run needs to know. */
export interface TaskFrame extends TaskRef {
  type: TaskType;
  /** For people: `database storefront`, `server host-1`. */
  subject: string;
  /** Longest time that the forward steps may take together, in milliseconds. */
  timeoutMs: number;
  /** The task was cancelled before its run began: nothing is to be done but to close it. */
  cancelRequested?: true;
}

/** What a workflow needs to know of a task on a database: ids and flags, loaded from the accepted row. */
export interface TaskPlan extends TaskFrame {
  databaseId: string;
  databaseName: string;
  /** A delete that ends what is under way, and does not wait for hosts that are down. */
  forced: boolean;
  hasPostInit: boolean;
  hasPostDatabaseCreate: boolean;
  /** Instances that are to be. */
  instances: PlannedInstance[];
  /** Where the task changes a database that exists. */
  change?: PlannedChange;
}

/** What a workflow needs to know of an update. */
export interface PlannedChange {
  instances: InstanceChange[];
  /** Whether roles are made or get something new. */
  changesRoles: boolean;
  /** Whether something is taken away at the end: memberships, users. */
  removesAccess: boolean;
  /** Whether passwords of users that were there before are set. */
  hasPasswords: boolean;
  /** Hosts whose instances go without being waited for. */
  removeHosts: string[];
  /** Past the point of no return: what is left only goes forward. */
  settled: boolean;
  /** How long requests of a service that is replaced may go on, in milliseconds. */
  drainMs: number;
}

/** What came of one round of a batch. */
export interface BatchRound {
  /** Requests that are not closed yet, newly claimed ones included; 0 ends the batch. */
  open: number;
  /** Pause before the next round, in milliseconds; 0 unless every open request waits for somebody else's lock. */
  pauseMs: number;
}

/** A host step that the workflow saw end, for the task's log. */
export interface HostStepReport {
  title: string;
  startedAt: string;
  durationMs: number;
}

/** An instance whose state was changed by what its host said about it. */
export interface StateChange {
  instanceId: string;
  databaseId: string;
  from: ServiceState;
  to: ServiceState;
  /** For people. */
  reason: string;
}

/** An instance whose service logs in as the role of a rotation. */
export interface RotationInstance extends PlannedInstance {
  databaseId: string;
}

/** What a workflow needs to know of a run of a rotation: ids and flags, loaded from the accepted rows. */
export interface RotationPlan extends TaskFrame {
  instances: RotationInstance[];
  rotation: {
    strategy: 'in-place' | 'alternating';
    /** Whether files or PgBouncers are to be given the password. */
    tells: boolean;
    /** Whether webhooks are to be called. */
    calls: boolean;
    /** Past the point of no return: what is left only goes forward. */
    settled: boolean;
    /** How long the former login still works, in milliseconds. */
    graceMs: number;
    policy: 'keep' | 'drain' | 'end';
    drainMs: number;
  };
}

/** What became of a time of a schedule. */
export interface RotationTriggered {
  /** For people. */
  outcome: string;
  taskId?: string;
  /** Ask again after this long, in milliseconds; 0: it is over. */
  waitMs: number;
}

/** How a task ended, for {@link ControlActivities.failTask}. */
export interface TaskFailure extends TaskRef {
  outcome: 'failed' | 'canceled';
  /** Sentence for people: which step, why. */
  reason: string;
  /** What an undo could not take back; empty when nothing is left. */
  leftovers: string[];
}

/** What a workflow needs to know of a switchover. */
export interface SwitchoverPlan extends TaskFrame {
  /** Until its time, in milliseconds. */
  delayMs: number;
}

/** One of the two servers of a switchover: its host, and an order that only that host can open. */
export interface SwitchoverPart {
  hostId: string;
  /** Id of the PostgreSQL instance. */
  instanceId: string;
  sealedOrder: string;
}

/** Both servers of a switchover, and the services that are to be told. */
export interface SwitchoverOrders {
  primary: SwitchoverPart;
  candidate: SwitchoverPart;
  services: { hostId: string; instanceIds: string[] }[];
}

/** What is to be done after a look at the primary of one server. */
export interface GroupWork {
  serverName: string;
  /** Timeline of the primary that services are told of. */
  timeline: number;
  /** Where sessions are to be ended. */
  former?: ReplicationEndpoint;
  /** Services that are to be told. */
  services: { hostId: string; instanceIds: string[] }[];
  /** Former primaries that take changes again. */
  fence: ReplicationEndpoint[];
}

/** A former primary, and the timeline of the server that took over. */
export interface FormerPrimary {
  serverName: string;
  endpoint: ReplicationEndpoint;
  timeline: number;
}

/** What came of a look through the audit log. */
export interface CollectedNotifications {
  /** Messages that are new. */
  added: number;
  /** Channels that are being sent to. */
  channelIds: string[];
  /** There is more to look through. */
  more: boolean;
}

/** A message that is to be sent. */
export interface PendingNotification {
  deliveryId: string;
  /** For people: event and resource. */
  summary: string;
  createdAtMs: number;
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

/** How far the rotation of a JWT key is. */
export type JwtRotationLook =
  | { state: 'waiting'; forMs: number; note: string }
  /** `end` is its state. */
  | { state: 'over'; end: string };

type Undo = (input: TaskRef) => Promise<void>;

/** Activities of the control workers: everything that touches target servers or the metadata database. */
export interface ControlActivities extends Record<ControlUndoName, Undo> {
  /** Marks the task running and loads its plan. @throws StaleTask when it is closed or was superseded. */
  beginTask(input: { taskId: string }): Promise<TaskPlan>;
  /** Runs `scripts.post_init` as the server's admin role, once, and records the roles that it made. */
  runPostInit(input: TaskRef): Promise<void>;
  /** Creates the roles of the specification and, where it is used, the shared read-only role. */
  createRoles(input: TaskRef): Promise<void>;
  /** Creates the database under a temporary name; the first step that works in it gives it owner and final name. */
  createDatabase(input: TaskRef): Promise<void>;
  /** Runs `scripts.post_database_create` in the new database, logged in as its owner, once. */
  runPostDatabaseCreate(input: TaskRef): Promise<void>;
  /**
   * Checks that every exposed schema and anonymous role exists, then grants: reading rights of the built-in role, memberships
   * of `connect_as`, audience check. @throws PreflightFailed naming all that is missing
   */
  grantAccess(input: TaskRef): Promise<void>;
  /** Resolves versions and seals one bundle per instance to its host's key. */
  sealServices(input: TaskRef): Promise<{ bundles: { instanceId: string; sealedBundle: string }[] }>;
  /** Makes the roles that an update adds, and gives others what is new. */
  updateRoles(input: TaskRef): Promise<void>;
  /** Checks schemas and anonymous roles of the new specification, then grants what it adds. @throws PreflightFailed */
  updateAccess(input: TaskRef): Promise<void>;
  /** Sets passwords that an update changes. */
  updatePasswords(input: TaskRef): Promise<void>;
  /** The point of no return of an update: instances as they run now, secrets of before forgotten. One transaction. */
  publishUpdate(input: TaskRef & { services: ServiceObservation[] }): Promise<void>;
  /** Ends what is left on a server of a service that was killed. */
  endKilledSessions(input: TaskRef & { applicationName: string }): Promise<void>;
  /** Revokes what services of before needed and nobody needs now; drops users where the specification says so. */
  removeAccess(input: TaskRef): Promise<void>;
  /** Closes an update, and publishes it where that has not happened: instances that are gone lose record and ports. */
  finishUpdate(input: TaskRef & { services: ServiceObservation[]; hostSteps: HostStepReport[] }): Promise<void>;
  /** Closes a successful create: instances running, database available, task completed, audit outcome. One transaction. */
  publishDatabase(input: TaskRef & { services: ServiceObservation[]; hostSteps: HostStepReport[] }): Promise<void>;
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
  /** Moves the rotation of a JWT key on as far as it can be moved now. */
  lookAtJwtRotation(input: { rotationId: string }): Promise<JwtRotationLook>;
  /** Closes a successful task on a server. */
  finishServerTask(input: TaskRef): Promise<void>;
  /** Accepts the run that a schedule wants, or says how long to wait. `giveUp`: records that it did not come about otherwise. */
  acceptRotation(input: {
    rotationId: string;
    triggerId: string;
    dueAt: string | null;
    giveUp: boolean;
  }): Promise<RotationTriggered>;
  /** Marks the run of a rotation running and loads its plan. */
  loadRotation(input: { taskId: string }): Promise<RotationPlan>;
  /** Bundles with the new password, by instance, each sealed to its host. */
  sealRotation(input: TaskRef): Promise<{ bundles: { instanceId: string; sealedBundle: string }[] }>;
  /** Makes the idle one of two logins act as the role, and opens it. @throws NameConflict, NotAllowed */
  prepareLogin(input: TaskRef): Promise<{ setAtMs: number; position: number }>;
  /** Sets the new verifier of the role itself. @throws NotAllowed */
  setRolePassword(input: TaskRef): Promise<{ setAtMs: number; position: number }>;
  /** Logs in on the primary, and on each standby once it has replayed the password. @throws LoginNotProven, VerificationFailed */
  proveRotation(input: TaskRef & { position: number }): Promise<void>;
  /** Gives files and PgBouncers the new password. @throws NotAllowed, ServerUnavailable */
  updateConsumers(input: TaskRef): Promise<void>;
  /** Tells webhooks of the new password. @throws NotificationRefused, ReceiverUnavailable */
  callWebhooks(input: TaskRef): Promise<void>;
  /** The point of no return: the new password is the current one. */
  publishRotation(input: TaskRef & { windowMs?: number; gapMs?: number }): Promise<void>;
  /** Nobody logs in under the former login any more. */
  retireLogin(input: TaskRef): Promise<void>;
  /** Ends the sessions of the former password, or only counts them. @returns how many are open @throws NotAllowed */
  endFormerSessions(input: TaskRef & { end: boolean }): Promise<{ open: number }>;
  /** Closes a successful run. */
  finishRotation(input: TaskRef): Promise<void>;
  /** One round of the requests that were collected for a server: claims, carries out together, closes each by itself. */
  performBatch(input: { batchId: string }): Promise<BatchRound>;

  /** Records an instance that could not be removed because its host does not answer. */
  recordTombstone(input: TaskRef & { instanceId: string; restore?: boolean }): Promise<void>;
  /** Closes a failed or cancelled task. One transaction. */
  failTask(input: TaskFailure): Promise<void>;

  /**
   * Cancels the tasks that a forced delete came upon, and waits within a bound until they are undone and closed.
   * @returns how many are still open
   */
  endPredecessors(input: TaskRef): Promise<{ open: number }>;
  /** Blocks connections, ends sessions and drops the database on every node. */
  removeDatabase(input: TaskRef): Promise<void>;
  /** Drops the roles that were made for the database; roles with rights elsewhere are set NOLOGIN and reported (R10). */
  removeRoles(input: TaskRef): Promise<void>;
  /** Closes a delete: record, ports, names, secrets and credentials go; the task stays readable. */
  finishDelete(input: TaskRef & { hostSteps: HostStepReport[] }): Promise<void>;

  /** Loads what a cleanup run must undo, newest step first; undefined when the task is closed. */
  beginCleanup(input: {
    taskId: string;
  }): Promise<{ plan: TaskFrame | TaskPlan | RotationPlan; steps: { step: string; target: string }[] } | undefined>;
  /** Loads an accepted switchover, which may wait for its time. @throws StaleTask */
  loadSwitchover(input: { taskId: string }): Promise<SwitchoverPlan>;
  /**
   * Takes the database, checks that the candidate is a standby with everything but the last moments, and seals the orders of both
   * hosts. @throws Contention while another operation is under way, NotAllowed, ServerUnavailable, TwoPrimaries
   */
  checkSwitchover(input: { taskId: string }): Promise<SwitchoverOrders & { epoch: number }>;
  /** Waits until the candidate has replayed the last record of the primary. @throws VerificationFailed after a bound */
  awaitReplay(input: TaskRef & { position: number }): Promise<void>;
  /** Waits until the former primary receives from the new one. @throws VerificationFailed after a bound */
  awaitStandby(input: TaskRef): Promise<void>;
  /** Closes a successful switchover; the database gets its state back. */
  finishSwitchover(input: TaskRef & { hostSteps: HostStepReport[] }): Promise<void>;
  /** Orders for taking a switchover back, and whether the promotion has been begun; undefined where nothing was stopped. */
  planSwitchoverUndo(input: TaskRef): Promise<(SwitchoverOrders & { promotionBegun: boolean }) | undefined>;
  /** Records that the primary runs again, or that it follows after all. */
  noteSwitchoverUndone(input: TaskRef & { promoted: boolean }): Promise<void>;

  /** Looks where the primaries of servers with several endpoints are. @returns what is to be done because one has moved */
  lookAtPrimaries(input: Record<string, never>): Promise<{ work: GroupWork[] }>;
  /** Ends sessions of managed databases on a former primary that still has them. */
  leaveFormer(input: FormerPrimary): Promise<{ ended: boolean }>;
  /** Makes a former primary that takes changes again read-only, and ends the sessions of managed databases there (R20). */
  fenceFormer(input: FormerPrimary): Promise<{ fenced: boolean }>;
  /** Records that the services of a host know of a promotion. */
  noteHostTold(input: { serverName: string; hostId: string; timeline: number }): Promise<void>;

  /** Adds messages for new outcomes of the audit log, and starts the runs that send them. */
  collectNotifications(input: Record<string, never>): Promise<CollectedNotifications>;
  /** What is to be sent to a channel, oldest first; nothing where it is disabled or gone. */
  listPendingNotifications(input: { channelId: string }): Promise<{ pending: PendingNotification[] }>;
  /** One attempt to send a message. @returns whether there was one to send @throws NotificationRefused, ReceiverUnavailable */
  sendNotification(input: { deliveryId: string }): Promise<{ sent: boolean }>;
  /** Ends a message that could not be sent. */
  giveUpNotification(input: { deliveryId: string }): Promise<void>;

  /** Servers whose next look for drift is due. */
  listDriftDue(input: Record<string, never>): Promise<{ serverNames: string[] }>;
  /** One look for drift; a server that cannot be looked at is on record with the reason. */
  lookForDrift(input: { serverName: string }): Promise<DriftReport>;
  /**
   * Ends leases of a server whose time has come; what cannot be ended now is tried again later.
   * @returns milliseconds until something is to be done; null: nothing is
   */
  endDueLeases(input: { serverName: string }): Promise<{ nextMs: number | null }>;

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
  /** Adds what is new in the audit log to its chain, and anchors the head. @returns how many rows */
  sealAudit(input: Record<string, never>): Promise<{ sealed: number }>;
  /** Removes some of what a rule of retention no longer keeps. @returns how much, and whether there may be more */
  removeExpired(input: { rule: RetentionRuleName; runId: string }): Promise<{ removed: number; more: boolean }>;
  /** Judges the instances by what their hosts said, and records states and health. */
  recordHostChecks(input: { hosts: HostCheck[] }): Promise<{ changed: StateChange[] }>;
}
