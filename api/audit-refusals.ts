import { createMiddleware } from 'hono/factory';
import { insertAudit } from '../store/audit.ts';
import { askedBy } from './audit-intent.ts';
import { type ApiVariables, callerOf } from './caller.ts';
import type { ApiDeps } from './deps.ts';

/**
 * Records requests of a route that were refused or failed, which change nothing and so have no other row: also those whose shape
 * was wrong. The first middleware of the route. The error's text holds no secret.
 */
export function auditRefusals(deps: Pick<ApiDeps, 'db' | 'log'>, of: { action: string; resource: string }) {
  return createMiddleware<ApiVariables>(async (c, next) => {
    await next();
    const { status } = c.res;
    if (status < 400) return;
    const caller = callerOf(c);
    try {
      const answer: unknown = await c.res.clone().json();
      await insertAudit(deps.db, {
        kind: 'outcome',
        ...askedBy(caller),
        ...of,
        outcome: status < 500 ? 'refused' : 'failed',
        detail: { status, answer },
      });
    } catch (error) {
      deps.log.error({ err: error, requestId: caller.requestId }, 'a refusal could not be recorded in the audit log');
    }
  });
}
