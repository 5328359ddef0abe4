import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

/**
 * What is written down about a child process, so that the next process of ours finds it again after `kill -9` of its
 * parent: adopted or stopped, never doubled (R17). Holds no secret.
 */
export interface ProcessRecord {
  pid: number;
  /** Identity of the process beside its pid, which the system uses again: see {@link processStartTime}. */
  startTime: string;
  /** The command line as {@link commandLine} renders it: an equal one means an equally started process. */
  command: string;
  /** ISO 8601. */
  startedAt: string;
}

/** One process and no later one of the same pid. */
export type ProcessIdentity = Pick<ProcessRecord, 'pid' | 'startTime'>;

const recordSchema = z.object({
  pid: z.number().int().positive(),
  startTime: z.string().min(1),
  command: z.string(),
  startedAt: z.string(),
}) satisfies z.ZodType<ProcessRecord>;

/** How often a process that was signalled is looked at. */
const POLL_MS = 5;
/** SIGKILL needs no cooperation: only a process stuck in the kernel outlives this. */
const KILL_WAIT_MS = 5_000;
/**
 * `sh` starts the command only after a line on descriptor 3, and ends when the parent dies before it wrote one.
 * What the command writes is for its own account only.
 */
const GATE = 'umask 077; read -r go <&3 || exit 1; exec "$0" "$@" 3<&-';

const run = promisify(execFile);

/**
 * Starts a process that outlives this one: own session (the terminal's Ctrl-C does not reach it), output appended to
 * `logFile`. It begins to run only when its record is on disk, so no crash of ours leaves one behind unrecorded.
 * A command that cannot be executed shows as a process that ends at once, with the reason in the log.
 * Arguments and environment must hold no secret (R14).
 */
export async function spawnRecorded(options: {
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  uid?: number;
  gid?: number;
  logFile: string;
  recordFile: string;
}): Promise<ProcessRecord> {
  const { command, args, env, cwd, uid, gid, logFile, recordFile } = options;
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn('/bin/sh', ['-c', GATE, command, ...args], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'pipe'],
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    await once(child, 'spawn');
    child.unref();
    const gate = child.stdio[3];
    if (child.pid === undefined || gate == null || !('end' in gate)) throw new Error(`${command} was not started`);
    // A child that ends before it reads must not raise EPIPE here: its absence is found by its pid.
    gate.on('error', () => undefined);
    try {
      const startTime = await processStartTime(child.pid);
      if (startTime === undefined) throw new Error(`${command} ended before it could be recorded`);
      const record: ProcessRecord = {
        pid: child.pid,
        startTime,
        command: commandLine(command, args),
        startedAt: new Date().toISOString(),
      };
      await writeRecord(recordFile, record);
      gate.end('go\n', () => gate.destroy());
      return record;
    } catch (error) {
      gate.destroy();
      throw error;
    }
  } finally {
    await log.close();
  }
}

/** The recorded process, when it still runs; undefined when there is no record or its pid belongs to another process now. */
export async function findRecorded(recordFile: string): Promise<ProcessRecord | undefined> {
  const record = await readRecord(recordFile);
  if (record === undefined) return undefined;
  return (await isRunning(record)) ? record : undefined;
}

/** How a recorded process came to its end: it did not run, followed the signal, or had to be killed. */
export type ProcessEnd = 'absent' | 'ended' | 'killed';

/**
 * Ends the recorded process and removes the record: `signal` (SIGTERM), up to `graceMs` to follow it, then SIGKILL.
 * Throws when it survives SIGKILL; the record stays then.
 */
export async function endRecorded(
  recordFile: string,
  options: { signal?: NodeJS.Signals; graceMs: number },
): Promise<ProcessEnd> {
  const record = await findRecorded(recordFile);
  const end = record === undefined ? 'absent' : await endProcess(record, options);
  await rm(recordFile, { force: true });
  return end;
}

/** {@link endRecorded}; resolves with false when no such process ran. */
export async function stopRecorded(
  recordFile: string,
  options: { signal?: NodeJS.Signals; graceMs: number },
): Promise<boolean> {
  return (await endRecorded(recordFile, options)) !== 'absent';
}

async function endProcess(
  record: ProcessRecord,
  { signal = 'SIGTERM', graceMs }: { signal?: NodeJS.Signals; graceMs: number },
): Promise<ProcessEnd> {
  signalProcess(record.pid, signal);
  if (await endedWithin(record, graceMs)) return 'ended';
  // The whole group, which is the process and its children: it leads a session of its own.
  signalProcess(-record.pid, 'SIGKILL');
  if (await endedWithin(record, KILL_WAIT_MS)) return 'killed';
  throw new Error(`process ${record.pid} still runs ${KILL_WAIT_MS} ms after SIGKILL: ${record.command}`);
}

/**
 * When the process started, in a form that only serves comparison: boot id and clock ticks on Linux, the date of `ps`
 * elsewhere. Undefined when no process of that pid runs; one that has ended and waits to be reaped does not run.
 */
export async function processStartTime(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

/** One line that tells how a process was started. */
export function commandLine(command: string, args: readonly string[]): string {
  return [command, ...args].join(' ');
}

async function startTimeFromProc(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // proc(5): the name in parentheses may itself hold blanks and parentheses; state is field 3, the number of threads
  // field 20, start time field 22.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [threads, ticks] = [Number(rest[16]), rest[18]];
  // A process shows as ended once its first thread has; until the last one has, it still holds its ports.
  const ended = state === 'X' || (state === 'Z' && threads <= 1);
  if (ended || ticks === undefined) return undefined;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${bootId.trim()}:${ticks}`;
}

async function startTimeFromPs(pid: number): Promise<string | undefined> {
  const shown = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env: { ...process.env, LC_ALL: 'C' },
  }).catch(() => undefined);
  const [state, ...started] = shown?.stdout.trim().split(/\s+/) ?? [];
  return state === undefined || state.startsWith('Z') || started.length === 0 ? undefined : started.join(' ');
}

async function isRunning(record: ProcessIdentity): Promise<boolean> {
  return (await processStartTime(record.pid)) === record.startTime;
}

/** Whether a process has ended before `boundMs` were over. */
export async function endedWithin(record: ProcessIdentity, boundMs: number): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  while (await isRunning(record)) {
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Signals a process, or with a negative number a group; one that has ended needs none. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended between the look and the signal, which is what was wanted.
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function writeRecord(recordFile: string, record: ProcessRecord): Promise<void> {
  const draft = `${recordFile}.${process.pid}.new`;
  await writeFile(draft, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(draft, recordFile);
}

async function readRecord(recordFile: string): Promise<ProcessRecord | undefined> {
  try {
    return recordSchema.safeParse(JSON.parse(await readFile(recordFile, 'utf8'))).data;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
