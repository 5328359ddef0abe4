import type { HostFacts, ServiceObservation } from './services.ts';

/**
 * Activities that a host worker offers on its own task queue `host.<id>`. Every one is idempotent and may run twice.
 * They see no metadata database; secrets reach them only as a JWE sealed to the host's key.
 */
export interface HostActivities {
  /**
   * Which of `ports` another process of this host holds (port alone; callers list port and port + 1). Ports held by
   * `exceptInstanceId` itself are not reported.
   */
  probePorts(input: { ports: number[]; exceptInstanceId?: string }): Promise<{ busy: number[] }>;

  /**
   * Opens the sealed {@link ServiceBundle}, makes sure of the image, writes the instance's files, creates and starts
   * its container. A running instance of the same task and epoch is success.
   * @throws StaleTask, PortInUse, ImageUnavailable, EngineUnavailable, UnsupportedVersion
   */
  startService(input: StartServiceInput): Promise<ServiceObservation>;

  /**
   * Waits until PostgREST has answered a real request on its main port; heartbeats while it waits.
   * @throws ServiceNotReady with PostgREST's own words (redacted), StaleTask
   */
  awaitService(input: InstanceInput & { timeoutMs: number }): Promise<{ readyAt: string }>;

  /**
   * Changes an instance to what the sealed bundle says: while it runs, or by a new unit in its place. What it was before is kept
   * until {@link settleService}. @throws ServiceNotReady when the new state does not work; the previous one serves again then
   */
  changeService(input: ChangeServiceInput): Promise<ChangedService>;

  /** Undo of changeService: brings back what ran before the change of this task; does nothing when there was none. */
  undoChangeService(input: InstanceInput): Promise<{ restored: boolean }>;

  /** Makes a change final: what the instance was before is removed. */
  settleService(input: InstanceInput): Promise<void>;

  /** Undo of startService: the same as removeService, under a name of its own. */
  undoStartService(input: InstanceInput): Promise<{ removed: boolean }>;

  /**
   * Stops and removes the instance, its files and its admin gateway, and remembers the epoch so that a late
   * startService of an older epoch is refused. Nothing there is success.
   */
  removeService(input: InstanceInput): Promise<{ removed: boolean }>;

  /** Facts about the host and what runs on it now. Doubles as the proof that this worker is alive. */
  describeHost(input: Record<string, never>): Promise<{ facts: HostFacts; services: ServiceObservation[] }>;
}

/** Names one instance and the task on whose behalf it is touched. */
export interface InstanceInput {
  instanceId: string;
  databaseId: string;
  taskId: string;
  epoch: number;
}

/** Input of {@link HostActivities.startService}. */
export interface StartServiceInput extends InstanceInput {
  /** Compact JWE of a ServiceBundle. */
  sealedBundle: string;
}

/** Input of {@link HostActivities.changeService}. */
export interface ChangeServiceInput extends StartServiceInput {
  mode: 'reload' | 'replace';
  /** How long requests of the old unit may go on, in milliseconds; then it is killed. */
  drainMs: number;
  /** How long the new state may take to answer a request, in milliseconds. */
  readyTimeoutMs: number;
}

/** What became of a changed instance. */
export interface ChangedService extends ServiceObservation {
  mode: 'reload' | 'replace';
  /** RFC 3339. */
  readyAt: string;
  /** How long the port refused connections, in milliseconds. */
  gapMs: number;
  /** Set when the old unit did not end in time: what it left open on the server carries this name. */
  killedUnit?: { applicationName: string };
}
