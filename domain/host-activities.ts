import type { HostPostgresActivities } from './replication/host-postgres.ts';
import type { ChangedService, ChangeMode, HostFacts, ServiceObservation } from './services.ts';

/**
 * Activities that a host worker offers on its own task queue `host.<id>`. Every one is idempotent and may run twice.
 * They see no metadata database; secrets reach them only as a JWE sealed to the host's key.
 */
export interface HostActivities extends HostPostgresActivities {
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
   * Brings a running instance into the state of the bundle and waits until it answers a real request; an instance that
   * does not run ends up running in the new state. Heartbeats while it works, and may be repeated after a crash at any
   * point. Until {@link settleService} the previous state is kept beside, so that {@link undoChangeService} can bring it
   * back. A change that fails has brought it back by itself.
   * @throws ServiceNotReady with PostgREST's own words (redacted), StaleTask, and those of startService
   */
  changeService(input: ChangeServiceInput): Promise<ChangedService>;

  /**
   * Makes everything ready for a changeService that is to be quick: opens the bundle, makes sure of the image, and lays the files of
   * the instance down beside those that are in use. Undone by undoChangeService. @throws those of startService
   */
  stageService(input: StartServiceInput): Promise<void>;

  /**
   * Undo of changeService: brings back the state before the change of this epoch, whether it was begun or done, and
   * remembers the epoch so that a late changeService is refused. Nothing to bring back is success. Patient: a database
   * that does not answer is no reason to fail.
   */
  undoChangeService(input: InstanceInput): Promise<{ restored: boolean }>;

  /** The change of this epoch is final: what was kept of the previous state is removed. Nothing kept is success. */
  settleService(input: InstanceInput): Promise<void>;

  /** Undo of startService: the same as removeService, under a name of its own. */
  undoStartService(input: InstanceInput): Promise<{ removed: boolean }>;

  /**
   * Stops and removes the instance with all of its units, its files and its admin gateway, and remembers the epoch so that a late
   * startService of an older epoch is refused. Nothing there is success.
   */
  removeService(input: InstanceInput): Promise<{ removed: boolean }>;

  /**
   * Has services drop their pools and load their schema cache anew (SIGUSR1), as after a promotion. One that answers no request
   * afterwards, because its whole pool waits for a server that hangs, is restarted.
   */
  nudgeServices(input: { instanceIds: string[] }): Promise<{ nudged: string[]; restarted: string[] }>;

  /**
   * Facts about the host, and what runs on it now and how it does. Doubles as the proof that this worker is alive, so it
   * answers within the bound of that, however many instances there are.
   */
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
  mode: ChangeMode;
  /**
   * The control plane has set the password and knows that it logs in: where nothing else differs, the files are not checked once
   * more, because until they are read the service cannot open a connection.
   */
  loginProven?: true;
  /**
   * Milliseconds that the predecessor has, at most, to come to an end: first a moment without requests is waited for
   * while it still serves, then it is told to stop, and killed when the time is over. A reload does not use it.
   */
  drainMs: number;
  /** Milliseconds until the changed instance must have answered a real request. */
  readyTimeoutMs: number;
}
