import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until } from '../support/follow.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** On a loaded machine, with a bundle to be built. */
const START_BOUND_MS = 180_000;
const STOP_BOUND_MS = 60_000;
/** As a supervisor waits before it starts a process again that has ended by itself. */
const PAUSE_MS = 500;
const ENDINGS_IN_A_ROW = 60;

const COMMANDS = ['api', 'worker', 'host'] as const;
export type Command = (typeof COMMANDS)[number];
/** What each of them logs when it is there. */
const READY: Record<Command, string> = {
  api: 'API listens',
  worker: 'control worker takes work',
  host: 'host worker takes work',
};

/** One of our processes under a supervisor: what ends is started again. */
export interface Supervised {
  name: string;
  command: Command;
  logFile: string;
  /** Undefined while it is not there. */
  pid(): number | undefined;
  /** Resolves when it has said that it is there. */
  start(): Promise<void>;
  /** SIGKILL. The supervisor starts it again. */
  kill(): void;
  /** SIGTERM, and no new start. @throws when it does not follow */
  stop(): Promise<number | null>;
  /** How often it ended although nobody had asked it to, after it had been there; and before. */
  endings: { afterStart: string[]; atStart: number };
}

export function supervise(options: {
  name: string;
  command: Command;
  env: NodeJS.ProcessEnv;
  logFile: string;
}): Supervised {
  const { name, command, env, logFile } = options;
  let child: ChildProcess | undefined;
  let stopping = false;
  let killed = false;
  const endings: Supervised['endings'] = { afterStart: [], atStart: 0 };
  let readiness: Promise<void> = Promise.resolve();

  async function launch(): Promise<void> {
    killed = false;
    const log = await open(logFile, 'a', 0o600);
    const from = (await log.stat()).size;
    const started = spawn(process.execPath, ['scripts/start.mjs', command], {
      cwd: ROOT,
      env,
      // Ctrl-C is for the soak, which stops its processes itself.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    // Asked to stop while there was nothing to stop yet.
    if (stopping) started.kill('SIGKILL');
    child = started;
    let isReady = false;
    started.once('exit', (code, signal) => {
      child = undefined;
      if (stopping) return;
      if (!killed && isReady) endings.afterStart.push(`code ${code}, signal ${signal}`);
      if (!killed && !isReady) endings.atStart += 1;
      readiness = again(killed ? 0 : PAUSE_MS);
      readiness.catch(() => undefined);
    });
    await until(async () => {
      if (started.exitCode !== null || started.signalCode !== null) return true;
      isReady = (await readFrom(logFile, from)).includes(READY[command]);
      return isReady ? true : undefined;
    }, START_BOUND_MS);
    if (!isReady && !stopping) await readiness;
  }

  async function again(pauseMs: number): Promise<void> {
    await delay(pauseMs);
    if (stopping) return;
    if (endings.atStart > ENDINGS_IN_A_ROW) throw new Error(`${name} does not start; its log is ${logFile}`);
    await launch();
  }

  return {
    name,
    command,
    logFile,
    endings,
    pid: () => child?.pid,
    async start() {
      await launch();
    },
    kill() {
      killed = true;
      child?.kill('SIGKILL');
    },
    async stop() {
      stopping = true;
      const ending = child;
      if (ending === undefined) return 0;
      const exited = once(ending, 'exit');
      ending.kill('SIGTERM');
      const late = AbortSignal.timeout(STOP_BOUND_MS);
      await Promise.race([exited, once(late, 'abort')]);
      if (ending.exitCode === null && ending.signalCode === null) {
        ending.kill('SIGKILL');
        throw new Error(`${name} did not end within ${STOP_BOUND_MS} ms of SIGTERM`);
      }
      return ending.exitCode;
    },
  };
}

async function readFrom(file: string, position: number): Promise<string> {
  const log = await open(file, 'r');
  try {
    const { size } = await log.stat();
    const { buffer, bytesRead } = await log.read(Buffer.alloc(size - position), 0, size - position, position);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await log.close();
  }
}
