import { AsyncLocalStorage } from 'node:async_hooks';
import type { LogContext } from './log.ts';

const contexts = new AsyncLocalStorage<LogContext>();

/** Runs `work` on behalf of what `context` names: every line that is logged meanwhile says so. Replaces what an outer call named. */
export function withLogContext<T>(context: LogContext, work: () => T): T {
  return contexts.run({ ...context }, work);
}

/** Names more of what the work under way is about, such as the task that a request has become. Nothing outside of such work. */
export function addToLogContext(context: LogContext): void {
  const current = contexts.getStore();
  if (current !== undefined) Object.assign(current, context);
}

/** What the work under way is about: a copy, empty outside of such work. */
export function logContext(): LogContext {
  return { ...contexts.getStore() };
}
