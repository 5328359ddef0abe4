import type { IncomingMessage } from 'node:http';

/** A JSON answer of the gateway. */
export interface Answer {
  status: number;
  body: Record<string, string>;
  headers?: Record<string, string>;
}

/** What the gateway offers; each route decides its own answer. */
export type Routes = Record<string, { methods: readonly string[]; handle: () => Promise<Answer> }>;

/**
 * Finds the route of a request. The query is ignored, and so is the body.
 * Anything that changes something is refused to web pages: a browser tells them by these headers.
 */
export async function route(routes: Routes, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const found = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (found === undefined) return { status: 404, body: { error: 'not found' } };
  const { method = '', headers } = request;
  if (!found.methods.includes(method)) {
    return { status: 405, body: { error: 'method not allowed' }, headers: { allow: found.methods.join(', ') } };
  }
  const fromPage = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
  if (method === 'POST' && fromPage) return { status: 403, body: { error: 'not available to web pages' } };
  return await found.handle();
}
