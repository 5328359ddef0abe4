import type { ServiceView } from '../../domain/postgrest/conf.ts';
import type { RuntimeKind, ServiceObservation, ServicePlacement } from '../../domain/services.ts';

/** What an instance needs in order to start, once its files are written. Holds no secret. */
export interface ServiceLaunch extends ServicePlacement {
  /** Directory on the host that holds postgrest.conf and the secret files. */
  directory: string;
}

/** An instance as its runtime sees it now. */
export interface ServiceState extends ServiceObservation {
  /** It ended by itself and the runtime will start it again. With `running` false as well, it has given up. */
  restarting: boolean;
}

/** Runs PostgREST instances on one host: in containers or as supervised child processes. Both behave alike. */
export interface ServiceRuntime {
  readonly kind: RuntimeKind;
  /** User and group that must own the instance's secret files. */
  readonly fileOwner: { uid: number; gid: number };
  /** What PostgREST itself sees of the host: its directory, the address to bind to, and the way to the database. */
  view(instance: { directory: string; address: string; port: number }): ServiceView;
  /**
   * Makes sure that `start` finds what it needs (image pulled or built); says what it does through `progress`.
   * @throws Failure ImageUnavailable, EngineUnavailable, UnsupportedVersion
   */
  prepare(launch: {
    version: string;
    image?: string;
    progress: (text: string) => void;
    signal?: AbortSignal;
  }): Promise<{ image: string }>;
  /** Versions that start without asking a registry. */
  availableVersions(): Promise<string[]>;
  /**
   * Creates and starts; an equal running instance is left alone, any other of the same id is replaced.
   * @throws Failure NameConflict, PortInUse, InvalidSpec, and those of `prepare`
   */
  start(launch: ServiceLaunch): Promise<ServiceState>;
  /** The instance, or undefined where none exists. */
  inspect(instanceId: string): Promise<ServiceState | undefined>;
  /** Every instance of this host that carries this installation's id. */
  list(): Promise<ServiceState[]>;
  /** Does nothing when the instance does not run. */
  signal(instanceId: string, signal: 'SIGUSR1' | 'SIGUSR2'): Promise<void>;
  /** Newest log lines, oldest first, at most `lines`. */
  logTail(instanceId: string, lines: number): Promise<string[]>;
  /**
   * `seen` resolves once lines that contain the given texts were logged, in this order, after the call began; it
   * rejects with a TimeoutError otherwise. A signal sent after `ready` has resolved cannot be missed.
   */
  watchLog(
    instanceId: string,
    texts: readonly string[],
    options: { timeoutMs: number },
  ): { ready: Promise<void>; seen: Promise<void> };
  /** Stops without removing; a stopped one is started again by `startAgain`. */
  stop(instanceId: string, options: { graceMs: number }): Promise<void>;
  /** @throws Failure ServiceNotReady when there is no such instance */
  startAgain(instanceId: string): Promise<ServiceState>;
  remove(instanceId: string): Promise<{ removed: boolean }>;
  /** Whether the engine answers. */
  health(): Promise<{ healthy: boolean; error?: string; details?: Record<string, string> }>;
  /** Lets go of everything; instances keep running. */
  close(): Promise<void>;
}
