import type { ServiceObservation } from '../../../domain/services.ts';
import type { InstanceChange } from '../../../domain/update/instances.ts';
import type { HostStepReport, PlannedInstance, TaskFrame, TaskRef } from './task.ts';

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

/** Steps of tasks on databases. */
export interface DatabaseActivities {
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
  /** Closes a successful create: instances running, database available, task completed, audit outcome. One transaction. */
  publishDatabase(input: TaskRef & { services: ServiceObservation[]; hostSteps: HostStepReport[] }): Promise<void>;
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
  /** Records an instance that could not be removed because its host does not answer. */
  recordTombstone(input: TaskRef & { instanceId: string; restore?: boolean }): Promise<void>;
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
}
