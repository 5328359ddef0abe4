import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** One shell in which the commands of a page are run, as its reader would: variables stay from block to block. */
export interface Session {
  /** @throws with everything that was printed when a command fails, or the last one ends with another code than `exit` */
  run(commands: string, exit?: number): Promise<{ out: string; notes: string }>;
  close(): Promise<void>;
}

/** Bound of one block: a hang fails the test, a slow machine does not. */
const BLOCK_BOUND_MS = 240_000;

/** @param scratch directory for what the session itself writes */
export function openSession(on: { directory: string; scratch: string; env: NodeJS.ProcessEnv }): Session {
  const bash = spawn('bash', ['--noprofile', '--norc'], {
    cwd: on.directory,
    env: on.env,
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
  });
  const tell = (line: string) => void bash.stdin?.write(`${line}\n`);
  const ended = once(bash, 'close');
  const codes = createInterface({ input: bash.stdio[3] as NodeJS.ReadableStream });
  const finished: string[] = [];
  let told: (() => void) | undefined;
  codes.on('line', (line) => {
    finished.push(line);
    told?.();
  });
  tell('set -eo pipefail');
  let count = 0;
  const next = async (): Promise<string> => {
    const bound = AbortSignal.timeout(BLOCK_BOUND_MS);
    const late = once(bound, 'abort').then(() => 'no end within four minutes');
    const over = ended.then(() => 'a command of it failed');
    const line = new Promise<string>((resolve) => {
      told = () => resolve(finished.shift() ?? '');
      if (finished.length > 0) told();
    });
    return Promise.race([line, over, late]);
  };
  return {
    async run(commands, exit = 0) {
      count += 1;
      const [script, out, notes] = ['sh', 'out', 'err'].map((end) => join(on.scratch, `${count}.${end}`)) as [
        string,
        string,
        string,
      ];
      await writeFile(script, `${commands}\n`);
      await (await open(notes, 'w')).close();
      const call = `. '${script}' >'${out}' 2>'${notes}' </dev/null`;
      tell(exit === 0 ? `${call}; echo 0 >&3` : `set +e; ${call}; echo $? >&3; set -e`);
      const code = await next();
      const printed = { out: await readFile(out, 'utf8').catch(() => ''), notes: await readFile(notes, 'utf8') };
      if (code !== String(exit)) throw new Error(`${code}\n${commands}\n\n${printed.out}\n${printed.notes}`);
      return printed;
    },
    async close() {
      bash.stdin?.end();
      bash.kill('SIGTERM');
      await ended;
    },
  };
}
