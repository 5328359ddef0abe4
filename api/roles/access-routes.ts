import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { explainAccess } from '../../domain/access/effective/explain.ts';
import { OBJECT_KINDS, type ObjectKind } from '../../domain/access/objects.ts';
import { PUBLIC } from '../../domain/access/observed.ts';
import { isPrivilegeName } from '../../domain/access/privileges.ts';
import { type ApiVariables, requireAdmin } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { explanationSchema } from '../schemas/effective.ts';
import { json, malformed } from '../schemas/responses.ts';
import { requireServer } from './accept-server-task.ts';
import { databasesNamed, lookAt } from './look.ts';
import { findNamedObject } from './object-name.ts';
import { forbidden, notFound, serverParams, unavailable } from './params.ts';

const answers = { 400: malformed, 403: forbidden, 404: notFound, 503: unavailable };
const kinds = Object.keys(OBJECT_KINDS) as [ObjectKind, ...ObjectKind[]];

const explainRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/explain',
  summary: 'Whether a role has a privilege, by which ways, and what stands in the way',
  request: {
    params: serverParams,
    query: z.object({
      role: z.string().min(1).describe('Name of a role, or PUBLIC.'),
      database: z.string().min(1),
      object: z.string().min(1).optional().describe('`schema.name`; left out for the database itself.'),
      kind: z.enum(kinds).optional().describe('`table` unless given, `database` without an object.'),
      column: z.string().min(1).optional(),
      privilege: z
        .string()
        .transform((text) => text.toUpperCase())
        .refine(isPrivilegeName, 'is no privilege that GRANT knows'),
    }),
  },
  responses: { 200: json(explanationSchema, 'The answer.'), ...answers },
});

/** What roles may do in effect. */
export function accessRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(explainRoute, async (c) => {
    const caller = requireAdmin(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const {
      role,
      database,
      object: text,
      column,
      privilege,
      kind = text === undefined ? 'database' : 'table',
    } = c.req.valid('query');
    const observed = await lookAt(deps, { serverName: name, caller }, databasesNamed([database]));
    if (!observed.databases.has(database))
      throw new ApiError('not_found', `server ${name} has no database ${database}`);
    const isPublic = role.toUpperCase() === 'PUBLIC' && !observed.roles.has(role);
    if (!isPublic && !observed.roles.has(role)) throw new ApiError('not_found', `server ${name} has no role ${role}`);
    const object = findNamedObject(observed, { database, kind, text: text ?? database });
    const answer = explainAccess(observed, {
      role: isPublic ? PUBLIC : role,
      database,
      object,
      privilege,
      now: new Date(),
      ...(column === undefined ? {} : { column }),
    });
    return c.json(renderExplanation(answer), 200);
  });

  return app;
}

function renderExplanation(answer: ReturnType<typeof explainAccess>): z.infer<typeof explanationSchema> {
  return {
    allowed: answer.allowed,
    usable: answer.usable,
    sentence: answer.sentence,
    ways: answer.ways.map(({ via, path, usable, sentence }) => ({ via, path: [...path], usable, sentence })),
    more_ways: answer.moreWays,
    set_roles: answer.setRoles,
    row_security: answer.rowSecurity,
    obstacles: answer.obstacles,
    notes: answer.notes,
  };
}
