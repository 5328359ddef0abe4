import { EventEmitter } from 'node:events';

/** What this process has committed about tasks, for those who count. */
interface TaskEvents {
  accepted: [{ type: string }];
  /** `seconds` since the acceptance. */
  ended: [{ type: string; outcome: string; seconds: number }];
}

/** Told after the commit: each acceptance and each end once, in the process that recorded it. */
export const taskEvents = new EventEmitter<TaskEvents>();
