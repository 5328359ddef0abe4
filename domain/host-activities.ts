import type { HostPostgresActivities } from './replication/host-postgres.ts';
import type { HostFacts, ServiceObservation } from './services.ts';

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

  /** Undo of startService: the same as removeService, under a name of its own. */
  undoStartService(input: InstanceInput): Promise<{ removed: boolean }>;

  /**
   * Stops and removes the instance, its files and its admin gateway, and remembers the epoch so that a late
   * startService of an older epoch is refused. Nothing there is success.
   */
  removeService(input: InstanceInput): Promise<{ removed: boolean }>;

  /** Has services drop their pools and load their schema cache anew (SIGUSR1), as after a promotion. */
  nudgeServices(input: { instanceIds: string[] }): Promise<{ nudged: string[] }>;

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
