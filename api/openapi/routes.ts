import { createHash } from 'node:crypto';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiVariables } from '../caller.ts';
import { json } from '../schemas/responses.ts';
import { describeApi } from './description.ts';
import { renderPage, STYLE } from './page.ts';

const documentRoute = createRoute({
  method: 'get',
  path: '/v1/openapi.json',
  summary: 'This description, as an OpenAPI 3.1 document',
  responses: { 200: json(z.looseObject({ openapi: z.literal('3.1.0') }), 'The document.') },
});

const pageRoute = createRoute({
  method: 'get',
  path: '/v1/docs',
  summary: 'This description as a page for people',
  responses: { 200: { description: 'One page, without scripts.', content: { 'text/html': { schema: z.string() } } } },
});

/** The page has nothing but its own style: no script, no image, no address elsewhere. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The description of an API, made once when it is first asked for: by then all of its routes are there. */
export function descriptionRoutes(described: OpenAPIHono<ApiVariables>, version: string): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>();
  const document = once(() => describeApi(described, version));
  const text = once(() => JSON.stringify(document()));
  const page = once(() => renderPage(document()));

  app.openapi(documentRoute, (c) => c.body(text(), 200, { 'Content-Type': 'application/json' }) as never);
  app.openapi(pageRoute, (c) =>
    c.html(page(), 200, {
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    }),
  );
  return app;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
