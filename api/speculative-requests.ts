import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';
import { ApiError } from './errors.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * What a browser or proxy sends on suspicion (prefetch, prerender) was decided by nobody, so it never changes anything
 * (R18). `Purpose` is the older name of the header.
 */
export function refuseSpeculativeChanges() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    const purpose = c.req.header('Sec-Purpose') ?? c.req.header('Purpose') ?? '';
    if (/\bpre(fetch|render)\b/i.test(purpose) && !SAFE_METHODS.has(c.req.method)) {
      throw new ApiError('forbidden', 'a prefetch changes nothing: send the request without Sec-Purpose');
    }
    await next();
  });
}
