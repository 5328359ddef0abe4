import { createMiddleware } from 'hono/factory';
import type { ApiVariables } from './caller.ts';
import { requestIdOf } from './errors.ts';
import { type ApiFamily, clusters, environments, familyOf } from './families.ts';

/** What a listener tells the application beside the request. */
export interface ListenerEnv {
  /**
   * For clients of one family alone: nothing but `/` and `/api/v1` is there for those of pg-user-api, nothing but the cluster API
   * for those of Crunchy Bridge.
   */
  only?: ConfinedListener;
}

export type ConfinedListener = keyof typeof LISTENERS;

/** What each of them serves, and in which shape it says that something else is not there. */
const LISTENERS = {
  users: { family: environments, serves: (path) => path === '/' || path.startsWith('/api/v1/') },
  clusters: { family: clusters, serves: (path) => familyOf(path) === clusters },
} as const satisfies Record<string, { family: ApiFamily; serves: (path: string) => boolean }>;

/** Confines requests that come through the listener of a family to what it is for. */
export function confineToListener() {
  return createMiddleware<ApiVariables & { Bindings: ListenerEnv }>(async (c, next) => {
    const only = c.env?.only;
    if (only === undefined || LISTENERS[only].serves(c.req.path)) return next();
    const message = 'there is no such endpoint on this listener';
    const refusal = { name: 'not_found', status: 404, message, ofEndpoint: true, requestId: requestIdOf(c) } as const;
    return c.json(LISTENERS[only].family.refusal(refusal).body, 404);
  });
}
