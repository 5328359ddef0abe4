import type { TaskType } from '../../../store/tasks.ts';

/** Names a task and the epoch under which it was accepted. */
export interface TaskRef {
  taskId: string;
  epoch: number;
}

/** One instance that a task deals with. */
export interface PlannedInstance {
  instanceId: string;
  serviceId: string;
  hostId: string;
  port: number;
}

/** What the frame of every task's run needs to know. */
export interface TaskFrame extends TaskRef {
  type: TaskType;
  /** For people: `database storefront`, `server host-1`. */
  subject: string;
  /** Longest time that the forward steps may take together, in milliseconds. */
  timeoutMs: number;
  /** The task was cancelled before its run began: nothing is to be done but to close it. */
  cancelRequested?: true;
}

/** A host step that the workflow saw end, for the task's log. */
export interface HostStepReport {
  title: string;
  startedAt: string;
  durationMs: number;
}

/** How a task ended, for {@link ControlActivities.failTask}. */
export interface TaskFailure extends TaskRef {
  outcome: 'failed' | 'canceled';
  /** Sentence for people: which step, why. */
  reason: string;
  /** What an undo could not take back; empty when nothing is left. */
  leftovers: string[];
}
