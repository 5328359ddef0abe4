import { Context } from '@temporalio/activity';

/** The heartbeat time-out of host steps is 10 s; the SDK passes on at most what that needs. */
const INTERVAL_MS = 2_000;

/** How a step tells Temporal what it is doing, and learns that it should stop. */
export interface Progress {
  say: (text: string) => void;
  /** Aborts when the activity is cancelled or its worker shuts down. */
  signal: AbortSignal;
}

/** Runs a step of an activity and heartbeats with its latest text until it ends. */
export async function withHeartbeat<T>(work: (progress: Progress) => Promise<T>): Promise<T> {
  const activity = Context.current();
  let latest = 'started';
  const beat = () => activity.heartbeat(latest);
  const timer = setInterval(beat, INTERVAL_MS);
  try {
    return await work({
      signal: activity.cancellationSignal,
      say(text) {
        latest = text;
        beat();
      },
    });
  } finally {
    clearInterval(timer);
  }
}
