import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';
import { writePrivateFile } from '../../platform/local/private-file.ts';
import { processStartTime } from '../../platform/local/supervised-process.ts';

const holderSchema = z.object({ pid: z.int(), startTime: z.string() });

/**
 * Takes a state directory for this process: two development stacks on the same state would fight over its servers. A
 * holder that was killed leaves its file behind; pid and start time tell that it is gone.
 * @throws NotAllowed naming the process that holds it
 */
export async function lockHome(home: string): Promise<{ release(): Promise<void> }> {
  const file = join(home, 'dev.lock');
  const holder = await readHolder(file);
  if (holder !== undefined && holder.pid !== process.pid && (await processStartTime(holder.pid)) === holder.startTime) {
    throw new Failure(
      'NotAllowed',
      `pgsteward runs already with the state in ${home} (process ${holder.pid}); stop it, or set PGSTEWARD_HOME to another directory`,
    );
  }
  const startTime = (await processStartTime(process.pid)) ?? '';
  await writePrivateFile(file, JSON.stringify({ pid: process.pid, startTime }));
  return { release: () => rm(file, { force: true }) };
}

async function readHolder(file: string): Promise<z.infer<typeof holderSchema> | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
