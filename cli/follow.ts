import type { z } from 'zod';
import type { taskLogSchema, taskSchema } from '../api/schemas/task.ts';
import type { Request } from './client.ts';
import type { Context } from './context.ts';
import { CliError, EXIT } from './errors.ts';
import { visible } from './output.ts';
import { patiently } from './patience.ts';

export type Task = z.infer<typeof taskSchema> & { result?: Record<string, unknown> | undefined };
type TaskLog = z.infer<typeof taskLogSchema>;

/** Seconds that one request waits; in between the log is shown. */
const STEP_SECONDS = 3;
const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'canceled']);

/** Path of a task, by what it is about. */
export function taskPath({
  scope,
  entity_id: entity,
  task_id: id,
}: Pick<Task, 'scope' | 'entity_id' | 'task_id'>): string {
  return `/v1/${scope}s/${encodeURIComponent(entity)}/tasks/${encodeURIComponent(id)}`;
}

/**
 * Follows a task until it has ended, its log on standard error. Ctrl-C and the end of the time leave it running, and say how to
 * take it up again. @throws CliError with exit code 130 or 3 for these
 */
export async function follow(context: Context, task: Task, options: { timeoutSeconds?: number } = {}): Promise<Task> {
  const { client, terminal } = context;
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const deadline =
    options.timeoutSeconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.timeoutSeconds * 1000;
  const resume = `it goes on; follow it with: pgsteward tasks wait ${task.task_id} --${task.scope} ${task.entity_id}`;
  const { signal } = interruption;
  const path = taskPath(task);
  let seen: string | undefined;
  const ask = <T>(request: Request): Promise<T> =>
    patiently(() => client.call<T>({ ...request, signal }), { signal, note: terminal.note });
  const showLog = async () => {
    const query = { limit: 1000, ...(seen === undefined ? {} : { after_entry_id: seen }) };
    const log = await ask<TaskLog>({ path: `${path}/${task.scope === 'host' ? 'logs' : 'log'}`, query });
    for (const { timestamp, message } of log.entries) terminal.note(`${timestamp}  ${visible(message)}`);
    seen = log.last_entry_id ?? seen;
  };
  try {
    let current = task;
    while (!ENDED.has(current.status)) {
      const wait = Math.max(0, Math.min(STEP_SECONDS, (deadline - Date.now()) / 1000));
      current = await ask<Task>({ path, query: { wait } });
      await showLog();
      if (!ENDED.has(current.status) && Date.now() >= deadline) {
        throw new CliError(`the task is still ${current.status}; ${resume}`, { exitCode: EXIT.stillRunning });
      }
    }
    // Also for what it was asked after its end: a result is not in every list.
    return await ask<Task>({ path });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliError(`interrupted; ${resume}`, { exitCode: EXIT.interrupted });
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Exit code of a task that has ended. */
export function exitCodeOf({ status }: Pick<Task, 'status'>): number {
  return status === 'completed' ? EXIT.done : EXIT.failed;
}
