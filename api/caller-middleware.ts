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
    const changeReason = reasonIn(c.req.header('X-Change-Reason'));
    const breakGlass = reasonIn(c.req.header('X-Break-Glass'));
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
      ...(changeReason === undefined ? {} : { changeReason }),
      ...(breakGlass === undefined ? {} : { breakGlass }),
    });
    c.header('X-Request-Id', requestId);
    await next();
  });
}

/** Longest reason that is kept. */
const MAX_REASON = 1_000;

/** What somebody says of a request in a header; nothing where it is empty. */
function reasonIn(header: string | undefined): string | undefined {
  const text = header?.trim().slice(0, MAX_REASON);
  return text === '' ? undefined : text;
}

/** Requests that come without a socket (`app.request()`) have no address. */
function sourceOf(read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
