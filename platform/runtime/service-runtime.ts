import type { ServiceView } from '../../domain/postgrest/conf.ts';
import type { RuntimeKind, ServiceObservation, ServicePlacement } from '../../domain/services.ts';
import type { LogWatch } from './log-sequence.ts';

/** What a unit of an instance needs in order to start, once its files are written. Holds no secret. */
export interface ServiceLaunch extends ServicePlacement {
  /** Unit id, see {@link unitsOf}. */
  unit: string;
  /** Directory on the host that holds postgrest.conf and the secret files. */
  directory: string;
}

/** A unit as its runtime sees it now. */
export interface ServiceState extends ServiceObservation {
  unit: string;
  /** It ended by itself and the runtime will start it again. With `running` false as well, it has given up. */
  restarting: boolean;
}

/** How a unit came to an end. */
export interface Stop {
  /** It had to be killed. */
  killed: boolean;
  /** When it was told to stop, in the time of `performance.now()`: no request is accepted from then on. */
  toldAt: number;
}

/**
 * Runs PostgREST instances on one host: in containers or as supervised child processes. Both behave alike. What runs is
 * named by unit ids; the labels and records of a unit name its instance.
 */
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
   * Makes ready without starting, so that `startAgain` takes no longer than it has to. An equal one is left as it is, any
   * other unit of the same id is replaced.
   * @throws Failure NameConflict, InvalidSpec, and those of `prepare`
   */
  create(launch: ServiceLaunch): Promise<void>;
  /**
   * `create` and start; an equal running unit is left alone.
   * @throws Failure PortInUse, and those of `create`
   */
  start(launch: ServiceLaunch): Promise<ServiceState>;
  /**
   * Lets a PostgREST of the launch's version read the files of its directory, log in to the database and read its schema,
   * with the user and the limits of the unit, without listening on any port.
   * @returns what it wrote to standard error; undefined when all is well
   * @throws TimeoutError after `timeoutMs`
   */
  check(launch: ServiceLaunch, options: { timeoutMs: number; signal?: AbortSignal }): Promise<string | undefined>;
  /** Removes what a check leaves behind when its caller is killed. */
  discardCheck(unit: string): Promise<void>;
  /** The unit, or undefined where none exists. */
  inspect(unit: string): Promise<ServiceState | undefined>;
  /** Every unit of this host that carries this installation's id. */
  list(): Promise<ServiceState[]>;
  /** Does nothing when the unit does not run. */
  signal(unit: string, signal: 'SIGUSR1' | 'SIGUSR2'): Promise<void>;
  /** Newest log lines, oldest first, at most `lines`. */
  logTail(unit: string, lines: number): Promise<string[]>;
  /**
   * `seen` resolves once the texts that are sought were logged, in this order, after the call began; it rejects with a
   * LogRefusal when one of the refusals was, and with a TimeoutError otherwise. A signal sent after `ready` has resolved cannot be missed.
   */
  watchLog(
    unit: string,
    sought: LogWatch,
    options: { timeoutMs: number },
  ): { ready: Promise<void>; seen: Promise<void> };
  /**
   * Stops without removing; a stopped one is started again by `startAgain`. With `quietMs` it goes on serving for up to
   * that long, until a moment without requests under way; then it has `graceMs` to end. An aborted wait leaves it running.
   */
  stop(unit: string, options: { graceMs: number; quietMs?: number; signal?: AbortSignal }): Promise<Stop>;
  /** One that runs is left alone. @throws Failure ServiceNotReady when there is no such unit */
  startAgain(unit: string): Promise<ServiceState>;
  remove(unit: string): Promise<{ removed: boolean }>;
  /** Whether the engine answers. */
  health(): Promise<{ healthy: boolean; error?: string; details?: Record<string, string> }>;
  /** Lets go of everything; instances keep running. */
  close(): Promise<void>;
}
