import { createMiddleware } from 'hono/factory';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { clusters, familyOf } from '../families.ts';

const WINDOW_SECONDS = 60;

/**
 * Bounds the requests to the cluster API of one token, or of one address where no token is needed. In this process only: several
 * of them allow as many times more. Comes after the caller is known.
 */
export function limitRequests({ requestsPerMinute }: ApiDeps['clusters']) {
  const limiter = new RateLimiterMemory({ points: requestsPerMinute, duration: WINDOW_SECONDS });
  return createMiddleware<ApiVariables>(async (c, next) => {
    if (familyOf(c.req.path) === clusters) await take(limiter, keyOf(callerOf(c)));
    await next();
  });
}

function keyOf({ tokenId, accountId, source }: ReturnType<typeof callerOf>): string {
  if (tokenId !== undefined) return `token ${tokenId}`;
  return accountId === undefined ? `address ${source ?? 'unknown'}` : `account ${accountId}`;
}

/** @throws ApiError 429 */
async function take(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1000));
    throw new ApiError(
      'too_many_requests',
      `more than ${limiter.points} requests within a minute; try again in ${seconds} s`,
      {
        headers: { 'Retry-After': String(seconds) },
      },
    );
  }
}
