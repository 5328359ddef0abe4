import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import type { SearchAttributeKind } from '../../domain/search-attributes.ts';
import { logSince } from './log-tail.ts';
import { assertPortFree } from './ports.ts';
import { commandLine, findRecorded, spawnRecorded, stopRecorded } from './supervised-process.ts';
import { obtainTemporalCli, type TemporalCli } from './temporal-cli.ts';
import { temporalAnswers } from './temporal-server-ready.ts';

/** Options of {@link createLocalTemporal}. */
export interface LocalTemporalOptions {
  /** Holds the database, the log and the process record; exists. */
  stateDir: string;
  /** Directory of the cached CLI; made when it is needed. */
  cliCacheDir: string;
  /** Listen address of the server; 127.0.0.1 unless given. */
  address?: string;
  /** Listen address of the UI; that of the server unless given. */
  uiAddress?: string;
  /** gRPC port; `PGSTEWARD_TEMPORAL_PORT` moves it. */
  port: number;
  /** Port of the web UI; `PGSTEWARD_TEMPORAL_UI_PORT` moves it. */
  uiPort: number;
  namespace: string;
  searchAttributes: Readonly<Record<string, SearchAttributeKind>>;
  /** URL at which the UI has payloads decoded. */
  codecEndpoint?: string;
  /** Least severe level that the server logs; `warn` unless given. */
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Names the CLI or a running server: `TEMPORAL_ADDRESS`, `TEMPORAL_CLI_PATH`, `PATH`. */
  env: NodeJS.ProcessEnv;
  /** Told when a step takes long. */
  progress: (text: string) => void;
}

/** How to reach the server. */
export interface LocalTemporalEndpoint {
  /** `host:port` for gRPC. */
  address: string;
  namespace: string;
  /** Absent for a server that `TEMPORAL_ADDRESS` names: only its operator knows. */
  uiUrl?: string;
  /** Absent for a server that `TEMPORAL_ADDRESS` names. */
  cli?: TemporalCli;
  /** The server of an earlier process was found running and kept. */
  alreadyRunning: boolean;
}

/** The Temporal development server of this machine. */
export interface LocalTemporal {
  /**
   * Resolves when the namespace and its search attributes can be used. An aborted `signal` ends the wait, a download
   * and a build.
   * @throws PortBusy, another Failure that says what to do, or the signal's reason.
   */
  start(options?: { signal?: AbortSignal }): Promise<LocalTemporalEndpoint>;
  /** Ends the server, whoever started it. */
  stop(): Promise<void>;
}

/** All addresses of a container, whose ports are published. */
const WILDCARD = '0.0.0.0';
/** A cold start with an empty database takes 2 to 4 s on two cores. */
const START_TIMEOUT_MS = 60_000;
/** A server that was left behind answers at once, or is not worth waiting for. */
const ADOPT_TIMEOUT_MS = 5_000;
/** It closes its database and its services one after the other. */
const STOP_GRACE_MS = 5_000;

/**
 * By default the history service hands on 20 tasks a second when idle, that is 50 ms for each step of a workflow; with
 * these rates a step takes a few milliseconds. Eager activities go back to the worker with the answer to its workflow task,
 * which saves another sixth.
 */
const DYNAMIC_CONFIGURATION = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'system.enableActivityEagerExecution=true',
];
/** Without these each write waits for the disk, and calls time out under load. A crash of the server loses nothing, one of the machine the last moments. */
const PRAGMAS = ['journal_mode=WAL', 'synchronous=NORMAL'];

/**
 * A Temporal server with its UI for development and tests, from the first CLI found (see `obtainTemporalCli`), or the
 * server at `TEMPORAL_ADDRESS`, which is left as it is. It runs apart from this process and its terminal; one that an
 * earlier process left behind is adopted when it was started with the same command line, and replaced otherwise.
 */
export function createLocalTemporal(options: LocalTemporalOptions): LocalTemporal {
  const { port, uiPort, namespace, searchAttributes, env, progress, address = '127.0.0.1' } = options;
  const { uiAddress = address } = options;
  const stateDir = resolve(options.stateDir);
  const logFile = join(stateDir, 'temporal.log');
  const recordFile = join(stateDir, 'temporal.process.json');
  const expected = { address: `${address}:${port}`, namespace, searchAttributes };

  async function answers(boundMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const goesOn = async () => signal?.aborted !== true && (await findRecorded(recordFile)) !== undefined;
    const answered = await temporalAnswers(expected, { boundMs, goesOn });
    signal?.throwIfAborted();
    return answered;
  }

  async function adopts(command: string, signal: AbortSignal | undefined): Promise<boolean> {
    const recorded = await findRecorded(recordFile);
    return recorded?.command === command && (await answers(ADOPT_TIMEOUT_MS, signal));
  }

  async function launch(cli: TemporalCli, args: string[], signal: AbortSignal | undefined): Promise<void> {
    await stop();
    const owner = 'the Temporal server';
    await assertPortFree({ address, port, variable: 'PGSTEWARD_TEMPORAL_PORT', owner });
    await assertPortFree({
      address: uiAddress,
      port: uiPort,
      variable: 'PGSTEWARD_TEMPORAL_UI_PORT',
      owner: 'the Temporal UI',
    });
    const logged = await stat(logFile).then(
      ({ size }) => size,
      () => 0,
    );
    // Not our whole environment: it may hold secrets, and TEMPORAL_* variables that the CLI obeys.
    const childEnv = { PATH: env.PATH, HOME: env.HOME };
    await spawnRecorded({ command: cli.path, args, cwd: stateDir, env: childEnv, logFile, recordFile });
    if (await answers(START_TIMEOUT_MS, signal)) return;
    await stop();
    throw new Failure('ServerUnavailable', `the Temporal server did not start: ${await logSince(logFile, logged)}`);
  }

  async function stop(): Promise<void> {
    await stopRecorded(recordFile, { graceMs: STOP_GRACE_MS });
  }

  return {
    stop,
    async start({ signal } = {}) {
      const external = env.TEMPORAL_ADDRESS;
      if (external !== undefined && external !== '') return { address: external, namespace, alreadyRunning: true };

      const cli = await obtainTemporalCli({ cacheDir: resolve(options.cliCacheDir), env, progress, signal });
      const args = serverArguments({ ...options, address, uiAddress, databaseFile: join(stateDir, 'temporal.db') });
      const alreadyRunning = await adopts(commandLine(cli.path, args), signal);
      if (!alreadyRunning) await launch(cli, args, signal);
      return {
        address: expected.address,
        namespace,
        uiUrl: `http://${uiAddress === WILDCARD ? address : uiAddress}:${uiPort}`,
        cli,
        alreadyRunning,
      };
    },
  };
}

function serverArguments(
  of: LocalTemporalOptions & { address: string; uiAddress: string; databaseFile: string },
): string[] {
  const repeated = (flag: string, values: string[]) => values.flatMap((value) => [flag, value]);
  return [
    ...['server', 'start-dev', '--ip', of.address, '--port', String(of.port), '--ui-port', String(of.uiPort)],
    ...(of.uiAddress === of.address ? [] : ['--ui-ip', of.uiAddress]),
    ...['--namespace', of.namespace, '--db-filename', of.databaseFile, '--log-level', of.logLevel ?? 'warn'],
    ...repeated('--sqlite-pragma', PRAGMAS),
    ...repeated('--dynamic-config-value', DYNAMIC_CONFIGURATION),
    ...repeated(
      '--search-attribute',
      Object.entries(of.searchAttributes).map(([name, kind]) => `${name}=${kind}`),
    ),
    ...(of.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', of.codecEndpoint]),
  ];
}
