import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../../domain/failures.ts';
import { writePrivateFile } from '../../../platform/files/write-private-file.ts';
import type { HostContext } from '../context.ts';

/** Nothing of a task can be late for longer. */
const KEPT_MS = 30 * 24 * 3_600_000;

/**
 * From now on the task neither stops nor promotes a server here: an attempt in a worker that was taken for dead would otherwise
 * undo what came after it (R9).
 */
export async function endTask(context: HostContext, taskId: string): Promise<void> {
  const directory = directoryOf(context);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writePrivateFile(join(directory, taskId), '');
  for (const name of await readdir(directory)) {
    const { mtimeMs } = await stat(join(directory, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > KEPT_MS) await rm(join(directory, name), { force: true });
  }
}

/** @throws Failure StaleTask after {@link endTask} */
export async function assertNotEnded(context: HostContext, taskId: string): Promise<void> {
  const ended = await stat(join(directoryOf(context), taskId)).then(
    () => true,
    () => false,
  );
  if (ended) throw new Failure('StaleTask', `the switchover of task ${taskId} has ended on ${context.hostId}`);
}

function directoryOf({ dataDir }: HostContext): string {
  return join(dataDir, 'ended-switchovers');
}
