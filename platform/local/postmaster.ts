import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The server process that holds a data directory. */
export interface Postmaster {
  pid: number;
  port: number;
  /** First listen address as the server resolved it; empty while it starts. */
  address: string;
  /** Whether it takes connections: false while it starts, recovers or shuts down. */
  ready: boolean;
}

const run = promisify(execFile);

/**
 * Reads `postmaster.pid` of the data directory; undefined when no server of this directory runs.
 *
 * PostgreSQL itself survives a stale file only where no process has that pid. After a reboot another process of the
 * same user often has it, and in a container without an init process the killed server stays as a zombie: then it
 * refuses to start. So a file without its server is removed here. Should children of a killed server still hold its
 * shared memory, PostgreSQL notices by the directory's inode, without the file.
 */
export async function readPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const file = join(dataDir, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // Lines: pid, data directory, start time, port, socket directory, first listen address, shared memory key, status.
  const [pidText = '', , , portText = '', , address = '', , status = ''] = text.split('\n');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const command = await processCommand(pid);
  if (!`${command} `.includes(`-D ${dataDir} `)) {
    await rm(file, { force: true });
    return undefined;
  }
  return { pid, port: Number(portText), address: address.trim(), ready: status.trim() === 'ready' };
}

/** Command line of a process, blank-separated; empty when none of that pid runs, and for a zombie. */
async function processCommand(pid: number): Promise<string> {
  const shown =
    process.platform === 'linux'
      ? readFile(`/proc/${pid}/cmdline`, 'utf8').then((words) => words.replaceAll('\0', ' '))
      : run('ps', ['-o', 'args=', '-p', String(pid)]).then(({ stdout }) => stdout);
  return shown.then(
    (text) => text.trim(),
    () => '',
  );
}
