import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { explainAccess } from '../../domain/access/effective/explain.ts';
import { listFindings } from '../../domain/access/effective/hygiene.ts';
import { listPrivileges, type PrivilegeRow } from '../../domain/access/effective/privileges.ts';
import { OBJECT_KINDS, type ObjectKind } from '../../domain/access/objects.ts';
import { type ObservedServer, PUBLIC } from '../../domain/access/observed.ts';
import { isPrivilegeName } from '../../domain/access/privileges.ts';
import { type ApiVariables, type Caller, callerOf } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { explanationSchema, findingsSchema, privilegeListSchema } from '../schemas/effective.ts';
import { json, malformed } from '../schemas/responses.ts';
import { requireServer } from '../servers/require-server.ts';
import { databasesNamed, everyDatabase, lookAt } from './look.ts';
import { findNamedObject } from './object-name.ts';
import { forbidden, notFound, roleParams, serverParams, unavailable } from './params.ts';

const answers = { 400: malformed, 403: forbidden, 404: notFound, 503: unavailable };
const kinds = Object.keys(OBJECT_KINDS) as [ObjectKind, ...ObjectKind[]];

const privilegeWord = z
  .string()
  .transform((text) => text.toUpperCase())
  .refine(isPrivilegeName, 'is no privilege that GRANT knows');

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
      privilege: privilegeWord,
    }),
  },
  responses: { 200: json(explanationSchema, 'The answer.'), ...answers },
});

const privilegesRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/roles/{role}/privileges',
  summary: 'Everything that a role may do: directly, by groups, as PUBLIC, as owner; PUBLIC is one of the roles',
  request: {
    params: roleParams,
    query: z.object({
      database: z.string().min(1).optional().describe('Only there; every database unless given.'),
      schema: z.string().min(1).optional(),
      kind: z.enum(kinds).optional(),
      privilege: privilegeWord.optional(),
      without_public: z.enum(['true', 'false']).default('false').describe('Without what everybody has.'),
    }),
  },
  responses: { 200: json(privilegeListSchema, 'What it may do.'), ...answers },
});

const findingsRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/findings',
  summary: 'What is worth a look: rights of PUBLIC, exemptions, old password forms, full access control lists, …',
  request: { params: serverParams, query: z.object({ database: z.string().min(1).optional() }) },
  responses: { 200: json(findingsSchema, 'What was found.'), ...answers },
});

/** What roles may do in effect. */
export function accessRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  async function lookInto(caller: Caller, serverName: string, database: string | undefined): Promise<ObservedServer> {
    const scope = database === undefined ? everyDatabase : databasesNamed([database]);
    const observed = await lookAt(deps, { serverName, caller }, scope);
    if (database === undefined || observed.databases.has(database)) return observed;
    throw new ApiError('not_found', `server ${serverName} has no database ${database}`);
  }

  app.openapi(privilegesRoute, async (c) => {
    const caller = callerOf(c);
    const { name, role } = c.req.valid('param');
    await requireServer(deps, name);
    const { without_public: withoutPublic, ...filter } = c.req.valid('query');
    const observed = await lookInto(caller, name, filter.database);
    const list = listPrivileges(observed, granteeOf(observed, role), {
      ...definedOf(filter),
      withoutPublic: withoutPublic === 'true',
    });
    return c.json({ privileges: list.rows.map(renderRow), more: list.more }, 200);
  });

  app.openapi(findingsRoute, async (c) => {
    const caller = callerOf(c);
    const { name } = c.req.valid('param');
    await requireServer(deps, name);
    const observed = await lookInto(caller, name, c.req.valid('query').database);
    const { findings, more } = listFindings(observed, { now: new Date() });
    return c.json({ findings, more: { ...more } as Record<string, number> }, 200);
  });

  app.openapi(explainRoute, async (c) => {
    const caller = callerOf(c);
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
    const observed = await lookInto(caller, name, database);
    const object = findNamedObject(observed, { database, kind, text: text ?? database });
    const answer = explainAccess(observed, {
      role: granteeOf(observed, role),
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

/** A role of the server, or PUBLIC. @throws ApiError 404 */
function granteeOf(observed: ObservedServer, role: string): string {
  if (observed.roles.has(role)) return role;
  if (role.toUpperCase() === 'PUBLIC') return PUBLIC;
  throw new ApiError('not_found', `server ${observed.name} has no role ${role}`);
}

/** Without the members that are undefined. */
function definedOf<T extends object>(filter: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function renderRow({ withGrantOption, setRole, ...row }: PrivilegeRow) {
  return { ...row, with_grant_option: withGrantOption, ...(setRole === undefined ? {} : { set_role: setRole }) };
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
