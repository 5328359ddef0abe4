import { Failure } from '../../../domain/failures.ts';
import type { Work, WorkChange } from '../../../store/work.ts';

/** Work of a task that changes an existing database. */
export type ChangeWork = Work & { change: WorkChange };

/** @throws Failure StaleTask for a task that changes nothing */
export function changeWork(work: Work): ChangeWork {
  if (work.change === undefined) throw new Failure('StaleTask', `task ${work.taskId} is no update`);
  return { ...work, change: work.change };
}
