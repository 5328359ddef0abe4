import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';
import { ApiError } from './errors.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * What a browser or proxy sends on suspicion (prefetch, prerender) was decided by nobody, so it never changes anything
 * (R18).
 */
export function refuseSpeculativeChanges() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    if (isSpeculative(c) && !SAFE_METHODS.has(c.req.method)) throw nobodyDecided();
    await next();
  });
}

/** The same for a route that changes or reveals something although its method is GET. */
export function refuseSpeculation() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    if (isSpeculative(c)) throw nobodyDecided();
    await next();
  });
}

/** `Purpose` and `X-Moz` are older names of the header. */
function isSpeculative(c: Context): boolean {
  const purpose = c.req.header('Sec-Purpose') ?? c.req.header('Purpose') ?? c.req.header('X-Moz') ?? '';
  return /\bpre(fetch|render)\b/i.test(purpose);
}

function nobodyDecided(): ApiError {
  return new ApiError('forbidden', 'a prefetch changes nothing: send the request without Sec-Purpose');
}
