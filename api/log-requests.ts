import { createMiddleware } from 'hono/factory';
import type { Log } from '../platform/log.ts';
import { withLogContext } from '../platform/log-context.ts';
import type { ApiVariables } from './caller.ts';
import { loggedPath } from './logged-path.ts';

/**
 * One line per request: no headers, no bodies, no query strings. Whatever else is logged while the request is answered carries its
 * id, too, and from its acceptance on that of its task.
 */
export function logRequests(log: Log) {
  return createMiddleware<ApiVariables>((c, next) =>
    withLogContext({ requestId: c.get('requestId') }, async () => {
      const startedAt = performance.now();
      await next();
      log.debug(
        {
          method: c.req.method,
          path: loggedPath(c.req.path),
          status: c.res.status,
          durationMs: Math.round(performance.now() - startedAt),
        },
        'request',
      );
    }),
  );
}
