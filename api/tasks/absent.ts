import type { TaskRecord } from '../../store/tasks.ts';
import { ApiError, invalidInput } from '../errors.ts';

/** 404 for a task that is not there. */
export function noSuchTask(): ApiError {
  return new ApiError('not_found', 'no task found with the given ID');
}

/** Published servers answer 400 to an unknown task here, not 404. */
export function notCancellable(task: TaskRecord | undefined): ApiError {
  const message =
    task === undefined
      ? 'no task of this database found with the given ID'
      : `the task is ${task.status}; only a pending or running one can be cancelled`;
  return invalidInput([{ path: 'task_id', message }]);
}
