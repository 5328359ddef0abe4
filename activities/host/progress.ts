import { Context } from '@temporalio/activity';
import { sayProgress } from '../../platform/activity-progress.ts';

/** How a step tells Temporal what it is doing, and learns that it should stop. Heartbeats are the worker's business. */
export interface Progress {
  say: (text: string) => void;
  /** Aborts when the activity is cancelled or its worker shuts down. */
  signal: AbortSignal;
}

/** The progress of the activity that is running now. */
export function progress(): Progress {
  return { say: sayProgress, signal: Context.current().cancellationSignal };
}
