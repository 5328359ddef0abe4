import { createMiddleware } from 'hono/factory';
import type { Log } from '../platform/log.ts';
import type { ApiVariables } from './caller.ts';
import { loggedPath } from './logged-path.ts';

/** One line per request: no headers, no bodies, no query strings. */
export function logRequests(log: Log) {
  return createMiddleware<ApiVariables>(async (c, next) => {
    const startedAt = performance.now();
    await next();
    log.debug(
      {
        requestId: c.get('requestId'),
        method: c.req.method,
        path: loggedPath(c.req.path),
        status: c.res.status,
        durationMs: Math.round(performance.now() - startedAt),
      },
      'request',
    );
  });
}
