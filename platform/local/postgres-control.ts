import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failures.ts';
import type { Account } from '../files/write-private-file.ts';
import { logSince } from './log-tail.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { type Postmaster, readPostmaster } from './postmaster.ts';
import { runCommand } from './run-command.ts';

/** Start-up includes crash recovery, which replays at most one checkpoint distance of WAL. */
const START_TIMEOUT_S = 60;
/** `fast` ends sessions and writes a checkpoint; `immediate` does neither, and the next start recovers. */
const FAST_STOP_S = 10;
const IMMEDIATE_STOP_S = 5;
/** pg_ctl bounds itself by `-t`; this bounds pg_ctl. */
const COMMAND_MARGIN_S = 10;
/** Children of a killed server notice its death within a moment, and hold its shared memory until then. */
const LEFTOVER_WAIT_MS = 10_000;
const LEFTOVERS = /pre-existing shared memory block/;
const POLL_MS = 50;

/** One data directory, and how to act on its server. */
export interface ServerPlace {
  name: string;
  binaries: PostgresBinaries;
  dataDir: string;
  logFile: string;
  /** Account that owns the data directory; undefined for our own. */
  account: Account | undefined;
}

/**
 * Starts the server and waits until it takes connections. pg_ctl gives it a session of its own.
 * @throws Failure with what the server logged.
 */
export async function startServer(place: ServerPlace): Promise<void> {
  const deadline = performance.now() + LEFTOVER_WAIT_MS;
  for (;;) {
    const from = await openLog(place);
    const args = ['start', '-w', '-t', String(START_TIMEOUT_S), '-l', place.logFile];
    const { code } = await control(place, args, START_TIMEOUT_S);
    if (code === 0) return;
    const reason = await logSince(place.logFile, from);
    if (!LEFTOVERS.test(reason) || performance.now() >= deadline) {
      throw new Failure('ServerUnavailable', `the ${place.name} PostgreSQL server did not start: ${reason}`);
    }
    await delay(POLL_MS);
  }
}

/** Ends the server of this data directory, if one runs: `fast`, and `immediate` where that takes too long. */
export async function stopServer(place: ServerPlace): Promise<void> {
  const modes = [
    ['fast', FAST_STOP_S],
    ['immediate', IMMEDIATE_STOP_S],
  ] as const;
  for (const [mode, seconds] of modes) {
    if ((await readPostmaster(place.dataDir)) === undefined) return;
    await control(place, ['stop', '-w', '-m', mode, '-t', String(seconds)], seconds);
  }
  const left = await readPostmaster(place.dataDir);
  if (left === undefined) return;
  throw new Failure(
    'ServerUnavailable',
    `the ${place.name} PostgreSQL server (pid ${left.pid}) does not stop; its log is ${place.logFile}`,
  );
}

/** Has the server read its configuration, access rules and certificate again. */
export async function reloadServer(place: ServerPlace): Promise<void> {
  await control(place, ['reload'], 0);
}

/** The running server once it takes connections; undefined when none runs, or none that becomes ready within the bound. */
export async function readyServer(dataDir: string): Promise<Postmaster | undefined> {
  const deadline = performance.now() + START_TIMEOUT_S * 1000;
  for (;;) {
    const found = await readPostmaster(dataDir);
    if (found === undefined || found.ready) return found;
    if (performance.now() >= deadline) return undefined;
    await delay(POLL_MS);
  }
}

async function control(place: ServerPlace, args: string[], seconds: number): Promise<{ code: number; output: string }> {
  return runCommand(place.binaries.pg_ctl, ['-D', place.dataDir, ...args], {
    timeoutMs: (seconds + COMMAND_MARGIN_S) * 1000,
    as: place.account,
    // Nothing of PGPORT, PGDATA and their like reaches the server; a fixed locale keeps messages in English.
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
}

/** Makes the log file if it is missing, readable by the server's account only; answers with its size. */
async function openLog(place: ServerPlace): Promise<number> {
  const log = await open(place.logFile, 'a', 0o600);
  try {
    if (place.account !== undefined) await log.chown(place.account.uid, place.account.gid);
    return (await log.stat()).size;
  } finally {
    await log.close();
  }
}
