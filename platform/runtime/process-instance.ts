import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Mutex } from 'async-mutex';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { SERVICE_FILES } from '../../domain/postgrest/conf.ts';
import { writePrivateFile } from '../files/write-private-file.ts';
import {
  endRecorded,
  findRecorded,
  type ProcessEnd,
  type ProcessRecord,
  signalProcess,
  spawnRecorded,
} from '../local/supervised-process.ts';
import type { Log } from '../log.ts';
import type { BundledBinary } from './bundled-binary.ts';
import { launchSchema, readRecord } from './launch-record.ts';
import { limitLogFile } from './log-file.ts';
import { atQuietMoment } from './quiet-moment.ts';
import { createRestartBudget } from './restart-budget.ts';
import { serviceEnvironment } from './runtime-system.ts';
import type { ServiceLaunch, ServiceState, Stop } from './service-runtime.ts';
import { ownUser, type ServiceUser } from './service-user.ts';

/** A restart begins a new log beyond this size. */
const LOG_MAX_BYTES = 8 * 1024 * 1024;
/** The same number that the docker runtime gives to the engine. */
const RESTARTS = { max: 5, windowMs: 60_000, firstDelayMs: 100 };
/** Idle PostgREST ends in 0.1 s; one that waits for a query is ended with it. */
const REPLACE_GRACE_MS = 5_000;

const recordSchema = z.object({ launch: launchSchema, startedAt: z.string() });

/** One PostgREST process, found again by what it wrote to its directory. Calls for one unit run one after the other. */
export interface ProcessInstance {
  create(launch: ServiceLaunch): Promise<void>;
  start(launch: ServiceLaunch): Promise<ServiceState>;
  startAgain(): Promise<ServiceState>;
  stop(options: { graceMs: number; quietMs?: number; signal?: AbortSignal }): Promise<Stop>;
  remove(options: { graceMs: number }): Promise<{ removed: boolean }>;
  state(): Promise<ServiceState | undefined>;
  launch(): Promise<ServiceLaunch | undefined>;
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Supervises it from now on if it runs. */
  adopt(): Promise<void>;
  /** One look at a supervised process: starts it again if it has ended by itself and its budget allows. */
  watch(): Promise<void>;
  readonly logFile: string;
}

/** `directory` is the unit's own one for records and log; it is made when needed. */
export function createProcessInstance(of: {
  directory: string;
  binary: BundledBinary;
  user: ServiceUser;
  log: Log;
}): ProcessInstance {
  const { directory, binary, user, log } = of;
  const recordFile = join(directory, 'process.json');
  const launchFile = join(directory, 'launch.json');
  const logFile = join(directory, 'postgrest.log');
  const turn = new Mutex();
  let budget = createRestartBudget(RESTARTS);
  let supervised = false;
  let restartAt: number | undefined;

  const stored = () => readRecord(launchFile, recordSchema);

  async function state(): Promise<ServiceState | undefined> {
    const known = await stored();
    if (known === undefined) return undefined;
    const { launch, startedAt } = known;
    const process = await findRecorded(recordFile);
    return {
      instanceId: launch.instanceId,
      unit: launch.unit,
      databaseId: launch.databaseId,
      serviceId: launch.serviceId,
      port: launch.port,
      version: launch.version,
      image: basename(binary.path),
      running: process !== undefined,
      restarting: process === undefined && supervised,
      containerId: process === undefined ? 'pid:none' : `pid:${process.pid}`,
      startedAt: process?.startedAt ?? startedAt,
    };
  }

  async function spawn(launch: ServiceLaunch): Promise<ProcessRecord> {
    restartAt = undefined;
    supervised = true;
    return await spawnRecorded({
      command: binary.path,
      args: [join(launch.directory, SERVICE_FILES.conf)],
      env: serviceEnvironment(launch, launch.directory),
      cwd: '/',
      // Only root may choose; and naming the own user would still drop supplementary groups, which needs a right too.
      ...(ownUser().uid === 0 && user),
      logFile,
      recordFile,
    });
  }

  async function end(graceMs: number): Promise<ProcessEnd> {
    return await endRecorded(recordFile, { graceMs });
  }

  /** True when an equal one runs, which is left alone. */
  async function create(launch: ServiceLaunch): Promise<boolean> {
    const known = await stored();
    const running = (await findRecorded(recordFile)) !== undefined;
    if (running && JSON.stringify(known?.launch) === JSON.stringify(launchSchema.parse(launch))) {
      supervised = true;
      return true;
    }
    supervised = false;
    await end(REPLACE_GRACE_MS);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await rm(logFile, { force: true });
    await writePrivateFile(launchFile, JSON.stringify({ launch, startedAt: new Date().toISOString() }));
    return false;
  }

  /** Tells it to stop in a moment without requests; `end` says it once more afterwards, which changes nothing. */
  async function tell(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const [known, found] = await Promise.all([stored(), findRecorded(recordFile)]);
    if (known === undefined || found === undefined) return;
    const { pid } = found;
    const { port } = known.launch;
    await atQuietMoment({ pid, port, waitMs, ...(signal !== undefined && { signal }) }, () => {
      supervised = false;
      signalProcess(pid, 'SIGTERM');
    });
  }

  async function startedState(): Promise<ServiceState> {
    const now = await state();
    if (now === undefined) throw new Failure('ServiceNotReady', `no service has been started in ${directory}`);
    return now;
  }

  return {
    logFile,
    state,
    launch: async () => (await stored())?.launch,
    create: (launch) =>
      turn.runExclusive(async () => {
        await create(launch);
      }),
    start: (launch) =>
      turn.runExclusive(async () => {
        if (!(await create(launch))) {
          budget = createRestartBudget(RESTARTS);
          await spawn(launch);
        }
        return startedState();
      }),
    startAgain: () =>
      turn.runExclusive(async () => {
        const known = await stored();
        if (known !== undefined && (await findRecorded(recordFile)) === undefined) {
          budget = createRestartBudget(RESTARTS);
          await limitLogFile(logFile, LOG_MAX_BYTES);
          await spawn(known.launch);
        }
        return startedState();
      }),
    async stop({ graceMs, quietMs, signal }) {
      // Without the turn: while it serves on, others may look at it and signal it.
      if (quietMs !== undefined) await tell(quietMs, signal);
      const toldAt = performance.now();
      return await turn.runExclusive(async () => {
        supervised = false;
        return { killed: (await end(graceMs)) === 'killed', toldAt };
      });
    },
    remove: ({ graceMs }) =>
      turn.runExclusive(async () => {
        supervised = false;
        const removed = (await stored()) !== undefined;
        await end(graceMs);
        await rm(directory, { recursive: true, force: true });
        return { removed };
      }),
    signal: (signal) =>
      turn.runExclusive(async () => {
        const found = await findRecorded(recordFile);
        if (found !== undefined) signalProcess(found.pid, signal);
      }),
    adopt: () =>
      turn.runExclusive(async () => {
        supervised = (await findRecorded(recordFile)) !== undefined;
      }),
    watch: () =>
      turn.runExclusive(async () => {
        if (!supervised || (await findRecorded(recordFile)) !== undefined) return;
        const known = await stored();
        const now = performance.now();
        if (restartAt === undefined) {
          const delayMs = budget.take(now);
          if (known === undefined || delayMs === undefined) {
            supervised = false;
            log.error(
              { instanceId: known?.launch.instanceId },
              'postgrest ended too often: from now on it is started again after pauses that grow',
            );
            return;
          }
          restartAt = now + delayMs;
        } else if (known !== undefined && now >= restartAt) {
          log.warn({ instanceId: known.launch.instanceId }, 'postgrest ended and is started again');
          await limitLogFile(logFile, LOG_MAX_BYTES);
          await spawn(known.launch);
        }
      }),
  };
}
