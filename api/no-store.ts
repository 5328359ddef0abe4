import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';

/** Answers tell of a moment, and some hold secrets: no cache between here and the caller keeps them (R18). */
export function noStore() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    c.header('Cache-Control', 'no-store');
    await next();
  });
}
