import { createMiddleware } from 'hono/factory';
import type { Metrics } from '../platform/metrics/metrics.ts';
import type { Tracing } from '../platform/tracing/tracing.ts';
import { routeOf } from './access/route.ts';
import type { ApiVariables } from './caller.ts';

/** Of a request that no route answers. */
const NO_ROUTE = '(none)';

/** Counts requests by the pattern of their route, and makes each a span where traces are exported. */
export function observeRequests(observers: { metrics?: Pick<Metrics, 'requestAnswered'>; tracing?: Tracing }) {
  const { metrics, tracing } = observers;
  return createMiddleware<ApiVariables>(async (c, next) => {
    if (metrics === undefined && tracing === undefined) return next();
    const startedAt = performance.now();
    const { method } = c.req;
    // The key is `<method> <pattern>`; paths as they came may hold what should not be read, and are without end.
    const route = routeOf(c)?.key.replace(/^\S+ /, '') ?? NO_ROUTE;
    if (tracing === undefined) await next();
    else {
      await tracing.request(
        { method, route, requestId: c.get('requestId'), traceparent: c.req.header('traceparent') },
        async () => {
          await next();
          return c.res.status;
        },
      );
    }
    metrics?.requestAnswered({ method, route, status: c.res.status, seconds: (performance.now() - startedAt) / 1000 });
    return undefined;
  });
}
