import { Context } from '@temporalio/activity';

/** What each activity said last. */
const latest = new WeakMap<Context, string>();

/** Tells Temporal what the current activity is doing: shown in its UI until something else is said. */
export function sayProgress(text: string): void {
  const context = Context.current();
  latest.set(context, text);
  context.heartbeat(text);
}

/** One heartbeat that repeats what the activity said last: a heartbeat without would replace it by nothing. */
export function repeatProgress(context: Context): void {
  context.heartbeat(latest.get(context));
}
