import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { insertAudit } from '../../store/audit.ts';
import { type MatchedRoute, routeOf } from '../access/route.ts';
import { askedBy } from '../audit-intent.ts';
import { type ApiVariables, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { isAccepted } from './accepted.ts';
import { AUDITED_ROUTES, type AuditedRoute } from './changes.ts';
import { createRefusalBudget } from './refusal-budget.ts';

/** Account of a request whose caller is not known (yet). */
const ANONYMOUS = 'anonymous';
/** A path may be long; names are at most 63 bytes. */
const MAX_RESOURCE_LENGTH = 300;

/**
 * Writes one row for a request to a changing route that was not accepted, with the name of the reason and not its text, which may
 * repeat what was sent. Only for callers that are known and routes that are there, and within a budget: strangers cannot write
 * into the log at all, and nobody without a bound. The answer waits for the row; it is given also where the row cannot be written.
 */
export function auditRefusals(deps: Pick<ApiDeps, 'db' | 'log'>) {
  const budget = createRefusalBudget();
  return createMiddleware<ApiVariables>(async (c, next) => {
    await next();
    const { status } = c.res;
    if (status < 400 || status === 401) return;
    const route = auditedRouteOf(c);
    const caller = callerOf(c);
    if (route === undefined || caller.account === ANONYMOUS || isAccepted(caller)) return;
    const allowed = budget.take(caller.account);
    if (allowed === undefined) return;
    const { unrecorded } = allowed;
    try {
      await insertAudit(deps.db, {
        kind: 'refusal',
        ...askedBy(caller),
        action: route.action,
        resource: resourceOf(route),
        outcome: status < 500 ? 'refused' : 'failed',
        detail: {
          route: route.key,
          status,
          reason: reasonOf(c),
          ...(unrecorded === 0 ? {} : { unrecorded_before: unrecorded }),
        },
      });
    } catch (error) {
      deps.log.error({ err: error, requestId: caller.requestId, action: route.action }, 'a refusal is not on record');
    }
  });
}

interface RefusedRoute extends AuditedRoute, MatchedRoute {}

/** A request for headers alone (HEAD) is no request of the route that it is answered by. */
function auditedRouteOf(c: Context): RefusedRoute | undefined {
  const matched = c.req.method === 'HEAD' ? undefined : routeOf(c);
  const route = matched && AUDITED_ROUTES[matched.key];
  return route && { ...route, ...matched };
}

function resourceOf({ resource, parameter }: RefusedRoute): string {
  return resource
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => withoutControls(parameter(name)))
    .slice(0, MAX_RESOURCE_LENGTH);
}

/** Without control characters: PostgreSQL stores no NUL, and nobody should be able to write lines of their own into a log. */
function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}');
}

/** The name that the answer has in the shape of the published API, also where its family has another shape. */
function reasonOf(c: Context<ApiVariables>): string {
  return c.get('errorName') ?? `status_${c.res.status}`;
}
