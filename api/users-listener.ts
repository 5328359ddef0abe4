import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';
import { familyOf } from './families.ts';

/** What a listener tells the application beside the request. */
export interface ListenerEnv {
  /** The one for clients of pg-user-api: nothing but `/` and `/api/v1` is there. */
  only?: 'users';
}

/** Confines requests that come through the listener for `/api/v1` to what it is for. */
export function confineToListener() {
  return createMiddleware<ApiVariables & { Bindings: ListenerEnv }>(async (c, next) => {
    const { path } = c.req;
    if (c.env?.only !== 'users' || path === '/' || path.startsWith('/api/v1/')) return next();
    const { body } = familyOf('/api/v1').refusal({
      name: 'not_found',
      status: 404,
      message: 'there is no such endpoint on this listener',
      ofEndpoint: true,
    });
    return c.json(body, 404);
  });
}
