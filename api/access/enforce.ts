import type { Context, MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ApiVariables, Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { refuseForgery } from '../forged-requests.ts';
import { ABSENCES, USUAL_ABSENCE } from './absence.ts';
import { createIdentifier, LOCAL_ADMINISTRATOR } from './identify.ts';
import { type Identity, takesBasic, unauthorized } from './identity.ts';
import { mayUse } from './may-use.ts';
import { type MatchedRoute, routeOf } from './route.ts';
import { ROUTE_RULES, type RouteRule } from './rules.ts';

/**
 * Lets a request through to its handler when the table of rules says that its caller may: 401 without credentials that are
 * accepted, 403 with the rule for a role that may not, and outside of a scope the answer of what is not there (R6). A route
 * without a rule is refused to everybody.
 */
export function enforceRules(
  deps: Pick<ApiDeps, 'db' | 'log' | 'access'>,
  rules: Readonly<Record<string, RouteRule>> = ROUTE_RULES,
): MiddlewareHandler<ApiVariables> {
  const identifier = createIdentifier(deps);

  async function callerFor(c: Context<ApiVariables>, rule: RouteRule): Promise<Identity | undefined> {
    if (rule.roles === 'anyone') return undefined;
    const identity = await identifier.identify(c);
    if (identity !== undefined) return identity;
    if (deps.access.open && rule.openOnLoopback === true) return LOCAL_ADMINISTRATOR;
    const basic = takesBasic(c.req.path) ? ', or HTTP Basic' : '';
    throw unauthorized(
      c.req.path,
      `credentials are needed: send "Authorization: Bearer <token>" or "X-API-Key: <token>"${basic}`,
    );
  }

  return createMiddleware<ApiVariables>(async (c, next) => {
    const route = routeOf(c);
    if (route === undefined) return next();
    const rule = rules[route.key];
    if (rule === undefined) throw new ApiError('forbidden', `no rule says who may call ${route.key}`);
    const identity = await callerFor(c, rule);
    await refuseForgery(c, { way: identity?.way ?? 'anonymous', ...deps });
    if (identity === undefined) return next();
    const caller: Caller = { ...ofRequest(c.get('caller')), ...identity, isAdmin: identity.role === 'admin' };
    c.set('caller', caller);
    assertRole(caller, route, rule);
    return answerOutsideScope(c, { caller, route, rule }) ?? next();
  });
}

/** What the request brought along, without the scope of somebody who is not known. */
function ofRequest({ scope: _, ...caller }: Caller): Omit<Caller, 'scope'> {
  return caller;
}

function assertRole({ account, role }: Caller, { key }: MatchedRoute, { roles }: RouteRule): void {
  if (roles === 'anyone' || roles.includes(role)) return;
  const last = roles.at(-1);
  const named = roles.length > 1 ? `${roles.slice(0, -1).join(', ')} and ${last}` : last;
  throw new ApiError(
    'forbidden',
    `${key} is for the ${roles.length > 1 ? 'roles' : 'role'} ${named}; ${JSON.stringify(account)} is here as ${role}`,
  );
}

/** Undefined for what is within the scope. @throws ApiError */
function answerOutsideScope(
  c: Context,
  { caller, route, rule }: { caller: Caller; route: MatchedRoute; rule: RouteRule },
): Response | undefined {
  const { subject } = rule;
  if (subject === 'installation' && caller.scope !== undefined) {
    throw new ApiError(
      'forbidden',
      `${route.key} is about the whole installation; ${JSON.stringify(caller.account)} is confined to a scope`,
    );
  }
  if (typeof subject === 'string' || 'handler' in subject) return undefined;
  const name = route.parameter(subject.parameter);
  if (mayUse(caller, subject.kind, name)) return undefined;
  return ABSENCES[subject.absence ?? USUAL_ABSENCE[subject.kind]](c, name);
}
