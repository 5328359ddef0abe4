import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { processStartTime } from '../../platform/local/supervised-process.ts';

const holderSchema = z.object({ pid: z.int(), startTime: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Takes a state directory for this process: two development stacks on the same state would fight over its servers. A
 * holder that was killed leaves its file behind; pid and start time tell that it is gone.
 * @throws NotAllowed naming the process that holds it
 */
export async function lockHome(home: string): Promise<{ release(): Promise<void> }> {
  const file = join(home, 'dev.lock');
  const own = JSON.stringify({ pid: process.pid, startTime: (await processStartTime(process.pid)) ?? '' });
  if (!(await createFile(file, own))) {
    const holder = await readHolder(file);
    if (holder !== undefined && (await isRunning(holder))) throw heldBy(home, `process ${holder.pid}`);
    await rm(file, { force: true });
    // Whoever took it between these two lines starts at this very moment.
    if (!(await createFile(file, own))) throw heldBy(home, 'a process that is just starting');
  }
  return { release: () => rm(file, { force: true }) };
}

function heldBy(home: string, who: string): Failure {
  return new Failure(
    'NotAllowed',
    `pgsteward runs already with the state in ${home} (${who}); stop it, or set PGSTEWARD_HOME to another directory and move the ports`,
  );
}

/** Nobody ever sees it without its content. @returns false when it exists already */
async function createFile(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function isRunning({ pid, startTime }: Holder): Promise<boolean> {
  return pid !== process.pid && (await processStartTime(pid)) === startTime;
}

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
