import { availableParallelism } from 'node:os';
import { Mutex, withTimeout } from 'async-mutex';
import pLimit from 'p-limit';
import { Failure } from '../../domain/failures.ts';
import type { HostPostgresConfig } from '../../platform/config/config.ts';
import type { Log } from '../../platform/log.ts';
import type { ServiceRuntime } from '../../platform/runtime/service-runtime.ts';
import { createHealthRecords, type HealthRecords } from './health.ts';
import { createInstanceRecords, type InstanceRecords } from './instance-records.ts';

/** Longer work on one instance than this is waited for by trying again: changing one may take minutes. */
const TURN_TIMEOUT_MS = 50_000;

/** Admin gateways of the instances on this host. Opening an open one and closing a closed one do nothing. */
export interface AdminGateways {
  /**
   * Opens the gateway of an instance, or moves it to another unit or port: it never stops answering in between.
   * @throws Failure PortInUse when another process listens on `port + 1`
   */
  open(instance: { instanceId: string; unit: string; address: string; port: number }): Promise<void>;
  close(instanceId: string): Promise<void>;
  /** Port that the instance's gateway listens on now. */
  portOf(instanceId: string): number | undefined;
  closeAll(): Promise<void>;
}

/** What host activities work with. */
export interface HostActivityDeps {
  installationId: string;
  hostId: string;
  /** Identity of this worker process: new on every start. */
  workerId: string;
  /** Runtime whose instances lie in {@link servicesDirectory} of `dataDir`. */
  runtime: ServiceRuntime;
  dataDir: string;
  /** Addresses that clients use to reach this host; the first one is what services bind to. */
  addresses: readonly string[];
  /** Opens a bundle that was sealed to this host for one instance and task; what comes out is parsed here. */
  openBundle: (sealed: string, binding: { instanceId: string; taskId: string }) => Promise<unknown>;
  gateways: AdminGateways;
  /** The PostgreSQL server beside the worker. */
  postgres?: HostPostgresConfig;
  log: Log;
}

/** One per host worker: activities, reconciliation and keeper share it, so that they take turns on an instance. */
export interface HostContext extends HostActivityDeps {
  records: InstanceRecords;
  /** Runs one piece of work on an instance at a time; waits a bounded time for its turn. */
  inTurn<T>(instanceId: string, work: () => Promise<T>): Promise<T>;
  /**
   * Runs a check of a configuration, as many at once as there are cores: each starts a PostgREST, and services that are
   * changed at the same time would keep each other from answering again soon.
   */
  limitChecks<T>(check: () => Promise<T>): Promise<T>;
  /** Whether somebody works on the instance now. */
  isBusy(instanceId: string): boolean;
  /** How the instances do, from looks at an interval. */
  health: HealthRecords;
}

export function createHostContext(deps: HostActivityDeps): HostContext {
  const turns = new Map<string, Mutex>();
  return {
    ...deps,
    records: createInstanceRecords(deps.dataDir),
    health: createHealthRecords(),
    limitChecks: pLimit(availableParallelism()),
    isBusy: (instanceId) => turns.has(instanceId),
    async inTurn(instanceId, work) {
      const turn = turns.get(instanceId) ?? new Mutex();
      turns.set(instanceId, turn);
      const tooLate = new Failure('EngineUnavailable', `other work on ${instanceId} has not ended in time`);
      try {
        return await withTimeout(turn, TURN_TIMEOUT_MS, tooLate).runExclusive(work);
      } finally {
        // The turn passes on without being free in between, so a free one has nobody waiting.
        if (!turn.isLocked() && turns.get(instanceId) === turn) turns.delete(instanceId);
      }
    },
  };
}
