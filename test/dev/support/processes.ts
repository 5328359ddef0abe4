import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

interface Found {
  pid: number;
  command: string;
  directory: string;
}

/** Command lines of the processes that name a directory in their arguments, or work in it. */
export async function processesBelow(directory: string): Promise<string[]> {
  return (await find(directory)).map(({ pid, command }) => `${pid} ${command}`);
}

/** kill -9 of all of them, as a crash of the machine would do it. */
export async function killProcessesBelow(directory: string): Promise<void> {
  for (const { pid } of await find(directory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It went with its parent.
    }
  }
}

async function find(directory: string): Promise<Found[]> {
  const all = process.platform === 'linux' ? await fromProc() : await fromPs();
  return all.filter((one) => one.command.includes(directory) || one.directory.startsWith(directory));
}

async function fromProc(): Promise<Found[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      // Empty for a process that has ended and waits to be reaped.
      command: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '),
      directory: await readlink(`/proc/${pid}/cwd`).catch(() => ''),
    })),
  );
}

async function fromPs(): Promise<Found[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || command === undefined ? [] : [{ pid: Number(pid), command, directory: '' }];
  });
}
