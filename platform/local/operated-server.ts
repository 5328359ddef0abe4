import { access, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/failures.ts';
import { type Account, writePrivateFile } from '../files/write-private-file.ts';
import { logSince } from './log-tail.ts';
import { runCommand } from './run-command.ts';

/**
 * A PostgreSQL server that somebody else set up, and that is stopped, started and promoted here. Unlike the servers of `npm start`
 * its configuration is not ours: `pg_ctl restart` starts it with the options that it ran with.
 */
export interface OperatedServer {
  isRunning(): Promise<boolean>;
  /**
   * Ends sessions and writes the last checkpoint; connected standbys receive it. Never by force: without that checkpoint the server
   * could not follow another one. @throws Failure ServerUnavailable when it takes too long
   */
  stop(): Promise<void>;
  /** Starts and waits until it takes connections. @throws Failure ServerUnavailable with what the server logged */
  start(): Promise<void>;
  /** @throws Failure ServerUnavailable */
  promote(): Promise<void>;
  /** Whether it is to follow another server at its next start. */
  isStandby(): Promise<boolean>;
  /** At its next start it follows the server of a connection string without a password. */
  follow(primaryConninfo: string): Promise<void>;
  /** At its next start it follows nobody. */
  standAlone(): Promise<void>;
  /** Writes a file that only the server's account may read. */
  writeFor(path: string, text: string): Promise<void>;
}

/** Bounds of one attempt; a fast shutdown waits for its checkpoint and for standbys. */
const STOP_S = 40;
const START_S = 40;
const PROMOTE_S = 40;
/** pg_ctl bounds itself by `-t`; this bounds pg_ctl. */
const COMMAND_MARGIN_S = 5;
const NOT_RUNNING = 3;
/** What another role in replication may have left in the file that ALTER SYSTEM writes. */
const FOLLOWING = /^\s*(primary_conninfo|primary_slot_name|recovery_target_timeline)\s*=/;

export function createOperatedServer(of: { dataDir: string; binDir: string; logFile: string }): OperatedServer {
  const { dataDir, logFile } = of;
  const signalFile = join(dataDir, 'standby.signal');
  const settingsFile = join(dataDir, 'postgresql.auto.conf');

  /** The owner of the data directory: PostgreSQL runs as nobody else. */
  async function account(): Promise<Account | undefined> {
    const { uid, gid } = await stat(dataDir);
    if (process.getuid?.() === uid) return undefined;
    if (process.getuid?.() === 0) return { uid, gid };
    throw new Failure('NotAllowed', `${dataDir} belongs to another user: run the host worker as that user, or as root`);
  }

  async function control(args: string[], seconds: number): Promise<{ code: number; output: string }> {
    return runCommand(join(of.binDir, 'pg_ctl'), ['-D', dataDir, ...args], {
      timeoutMs: (seconds + COMMAND_MARGIN_S) * 1000,
      as: await account(),
      // Nothing of PGPORT, PGDATA and their like reaches the server; a fixed locale keeps messages in English.
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    });
  }

  async function isRunning(): Promise<boolean> {
    const { code, output } = await control(['status'], 0);
    if (code === 0 || code === NOT_RUNNING) return code === 0;
    throw new Failure('ServerUnavailable', `pg_ctl does not know ${dataDir}: ${output}`);
  }

  async function openLog(): Promise<number> {
    const owner = await account();
    const log = await open(logFile, 'a', 0o600);
    try {
      if (owner !== undefined) await log.chown(owner.uid, owner.gid);
      return (await log.stat()).size;
    } finally {
      await log.close();
    }
  }

  async function setFollowing(lines: readonly string[]): Promise<void> {
    const text = await readFile(settingsFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const kept = text.split('\n').filter((line) => line !== '' && !FOLLOWING.test(line));
    await writePrivateFile(settingsFile, [...kept, ...lines, ''].join('\n'), await account());
  }

  return {
    isRunning,
    async stop() {
      if (!(await isRunning())) return;
      const { code, output } = await control(['stop', '-w', '-m', 'fast', '-t', String(STOP_S)], STOP_S);
      if (code === 0 || !(await isRunning())) return;
      throw new Failure('ServerUnavailable', `the server in ${dataDir} does not stop: ${output}`);
    },
    async start() {
      if (await isRunning()) return;
      const from = await openLog();
      const args = ['restart', '-w', '-t', String(START_S), '-l', logFile];
      const { code } = await control(args, START_S);
      if (code === 0) return;
      const reason = await logSince(logFile, from);
      throw new Failure('ServerUnavailable', `the server in ${dataDir} does not start: ${reason}`);
    },
    async promote() {
      const { code, output } = await control(['promote', '-w', '-t', String(PROMOTE_S)], PROMOTE_S);
      if (code !== 0) {
        throw new Failure('ServerUnavailable', `the server in ${dataDir} was not promoted: ${output}`);
      }
    },
    isStandby: () =>
      access(signalFile).then(
        () => true,
        () => false,
      ),
    async follow(primaryConninfo) {
      await setFollowing([
        `primary_conninfo = '${primaryConninfo.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
        `recovery_target_timeline = 'latest'`,
      ]);
      await writePrivateFile(signalFile, '', await account());
    },
    async standAlone() {
      await rm(signalFile, { force: true });
    },
    writeFor: async (path, text) => writePrivateFile(path, text, await account()),
  };
}
