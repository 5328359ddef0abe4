import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';

/** The route that will answer a request. */
export interface MatchedRoute {
  /** Method and pattern of the path, as in the table of rules: `GET /v1/databases/{database_id}`. */
  key: string;
  /** A parameter of the path, as the handler will see it. */
  parameter(name: string): string;
}

/** How the table of rules calls a route of the router. */
export function routeKey(route: { method: string; path: string }): string {
  return `${route.method} ${route.path.replaceAll(/:(\w+)(\{[^}]*\})?/g, '{$1}')}`;
}

/** Middleware is there for all methods; what has one answers. Undefined where nothing will: 404 or 405. */
export function routeOf(c: Context): MatchedRoute | undefined {
  const routes = matchedRoutes(c);
  const index = routes.findIndex(({ method }) => method !== 'ALL');
  const route = routes[index];
  if (route === undefined) return undefined;
  return {
    key: routeKey(route),
    parameter(name) {
      // Parameters are those of the route whose turn it is: the router's own reading of the path, so that no other can differ.
      const turn = c.req.routeIndex;
      c.req.routeIndex = index;
      try {
        return c.req.param(name) ?? '';
      } finally {
        c.req.routeIndex = turn;
      }
    },
  };
}
