import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiVariables, Caller } from '../../../api/caller.ts';
import { createErrorHandler } from '../../../api/error-handler.ts';

/** Routes as one caller meets them: `call('GET', '/api/v1/registry')`. */
export function asCaller(routes: OpenAPIHono<ApiVariables>, caller: Partial<Caller>) {
  const app = new OpenAPIHono<ApiVariables>();
  app.use(async (c, next) => {
    c.set('requestId', 'test-request');
    c.set('caller', { account: 'ci', isAdmin: false, role: 'operator', requestId: 'test-request', ...caller });
    await next();
  });
  app.onError(createErrorHandler({ error: () => {} }));
  app.route('/', routes);
  return async (method: string, path: string, body?: unknown) => {
    const response = await app.request(path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
    return { status: response.status, body: (await response.json()) as any };
  };
}
