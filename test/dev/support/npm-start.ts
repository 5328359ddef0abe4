import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../../support/follow.ts';
import { freePort, servicePortRange } from '../../support/ports.ts';
import { testRuntimes } from '../../support/stack.ts';
import { processesBelow } from './processes.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Bounds for hangs: a slow machine under load needs half of this at most. */
const START_BOUND_MS = 100_000;
/** What the README promises for Ctrl-C. */
const STOP_BOUND_MS = 15_000;

/** State directory, ports and environment of one installation, which several starts share. */
export interface Installation {
  home: string;
  env: NodeJS.ProcessEnv;
  ports: Record<PortVariable, number>;
  /** Port for one service, its admin gateway on the next one. */
  servicePort: number;
  apiUrl: string;
  start(words?: string[]): Started;
  /** Processes that work on this state, but not the ones that only wait for them. */
  processes(): Promise<string[]>;
  remove(): Promise<void>;
}

/** One `npm start`, in a process group of its own, as a terminal makes one for each command. */
export interface Started {
  /** What it has printed, errors too. */
  output(): string;
  /** Resolves with the output when it holds `text`. @throws with the output when it ends before */
  says(text: string): Promise<string>;
  ready(): Promise<string>;
  /** Presses Ctrl-C and waits for the end, no longer than is promised. */
  interrupt(): Promise<string>;
  /** kill -9 of npm and of our own process; the servers that they started live on. */
  kill(): Promise<void>;
  /** Waits for the end. */
  ended(): Promise<{ code: number | null }>;
}

const PORT_VARIABLES = [
  'PGSTEWARD_PORT',
  'PGSTEWARD_METADATA_PORT',
  'PGSTEWARD_TARGET_PORT',
  'PGSTEWARD_TEMPORAL_PORT',
  'PGSTEWARD_TEMPORAL_UI_PORT',
  'PGSTEWARD_CODEC_PORT',
] as const;
export type PortVariable = (typeof PORT_VARIABLES)[number];

/** A state directory that does not exist yet, and ports that nobody listens on. */
export async function makeInstallation(settings: Record<string, string> = {}): Promise<Installation> {
  const parent = await mkdtemp(join(tmpdir(), 'pgsteward-dev-'));
  await chmod(parent, 0o755);
  const home = join(parent, 'state');
  const ports = Object.fromEntries(
    await Promise.all(PORT_VARIABLES.map(async (name) => [name, await freePort()] as const)),
  ) as Record<PortVariable, number>;
  const { first, last } = await servicePortRange();
  const env = {
    ...process.env,
    PGSTEWARD_HOME: home,
    PGSTEWARD_RUNTIME: testRuntimes()[0],
    PGSTEWARD_PORT_RANGE: `${first + 20}-${last}`,
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    ...settings,
  };
  return {
    home,
    env,
    ports,
    servicePort: first,
    apiUrl: `http://127.0.0.1:${ports.PGSTEWARD_PORT}`,
    start: (words = []) => start(env, words),
    processes: () => processesBelow(home),
    remove: () => rm(parent, { recursive: true, force: true }),
  };
}

function start(env: NodeJS.ProcessEnv, words: string[]): Started {
  const child = spawn('npm', ['start', ...(words.length > 0 ? ['--', ...words] : [])], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  // Once: the output of a group that was killed is complete when the last process that holds it has ended.
  const closed = once(child, 'close');
  const output = () => text;
  const says = (wanted: string) =>
    until(async () => {
      if (text.includes(wanted)) return text;
      if (hasEnded(child)) throw new Error(`it ended without saying "${wanted}":\n${text}`);
      return undefined;
    }, START_BOUND_MS);
  return {
    output,
    says,
    ready: () => says('Ctrl-C stops everything'),
    async interrupt() {
      signalGroup(child, 'SIGINT');
      await within(STOP_BOUND_MS, closed, () => `it did not stop in time:\n${text}`);
      return text;
    },
    async kill() {
      signalGroup(child, 'SIGKILL');
      await within(STOP_BOUND_MS, closed, () => 'it survived SIGKILL');
    },
    async ended() {
      await within(START_BOUND_MS, closed, () => `it did not end:\n${text}`);
      return { code: child.exitCode };
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) throw new Error('npm was not started');
  process.kill(-pid, signal);
}

async function within(boundMs: number, event: Promise<unknown>, complaint: () => string): Promise<void> {
  const bound = AbortSignal.timeout(boundMs);
  const late = once(bound, 'abort').then(() => {
    throw new Error(complaint());
  });
  await Promise.race([event, late]);
}
