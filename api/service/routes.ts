import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiVariables } from '../caller.ts';
import type { AccessDeps, ApiDeps } from '../deps.ts';
import { json } from '../schemas/responses.ts';
import { versionSchema } from '../schemas/version.ts';

const rootRoute = createRoute({
  method: 'get',
  path: '/',
  summary: 'What this server is',
  responses: {
    200: json(
      z.object({ service: z.string(), version: z.string(), auth: z.string() }),
      'Name, version, authentication.',
    ),
  },
});

const versionRoute = createRoute({
  method: 'get',
  path: '/v1/version',
  summary: 'What is running',
  responses: { 200: json(versionSchema, 'Version and build.') },
});

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the process is alive',
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It is.') },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether every part that requests need is ready',
  responses: {
    200: json(z.object({ status: z.literal('ready') }), 'Everything is ready.'),
    503: json(z.object({ status: z.literal('not ready'), missing: z.array(z.string()) }), 'What is missing.'),
  },
});

/** What the server is, and how it is. */
export function serviceRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>();
  const { version, revision, revisionTime, arch } = deps.version;
  const auth = authText(deps.access);

  app.openapi(rootRoute, (c) => {
    c.header('Link', '</v1/openapi.json>; rel="service-desc", </v1/docs>; rel="service-doc"');
    return c.json({ service: 'pgsteward', version, auth }, 200);
  });
  app.openapi(versionRoute, (c) => c.json({ version, revision, revision_time: revisionTime, arch }, 200));
  app.openapi(healthRoute, (c) => c.json({ status: 'ok' as const }, 200));
  app.openapi(readyRoute, async (c) => {
    const missing = await deps.readiness();
    return missing.length === 0
      ? c.json({ status: 'ready' as const }, 200)
      : c.json({ status: 'not ready' as const, missing }, 503);
  });
  return app;
}

/** What callers are known by, in words. */
function authText({ open, basic, issuer }: AccessDeps): string {
  const ways = [
    'bearer token',
    ...(issuer === undefined ? [] : ['JWT']),
    ...(basic === undefined ? [] : ['HTTP Basic on /api/v1']),
  ];
  return `${ways.join(', ')}${open ? '; none on loopback for published pgEdge routes' : ''}`;
}
