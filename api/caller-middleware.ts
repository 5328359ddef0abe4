import { getConnInfo } from '@hono/node-server/conninfo';
import { createMiddleware } from 'hono/factory';
import { v7 as uuidv7 } from 'uuid';
import type { ApiVariables } from './caller.ts';
import { familyOf } from './families.ts';

/** Request ids of callers are kept when they look like one, so that a request can be followed across systems. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** Names the request. Who asks is not known yet: until then it is somebody without any right. */
export function nameRequest() {
  return createMiddleware<ApiVariables>(async (c, next) => {
    const given = c.req.header('X-Request-Id');
    const { requestIds = REQUEST_ID } = familyOf(c.req.path);
    const requestId = given !== undefined && requestIds.test(given) ? given : uuidv7();
    const source = sourceOf(() => getConnInfo(c).remote.address);
    const idempotencyKey = c.req.header('Idempotency-Key');
    c.set('requestId', requestId);
    c.set('caller', {
      account: 'anonymous',
      isAdmin: false,
      role: 'member',
      scope: {},
      way: 'anonymous',
      requestId,
      ...(source === undefined ? {} : { source }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    });
    c.header('X-Request-Id', requestId);
    await next();
  });
}

/** Requests that come without a socket (`app.request()`) have no address. */
function sourceOf(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
