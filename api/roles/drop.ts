import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type pg from 'pg';
import { countByPlace, type PlaceCounts, totalOf } from '../../domain/access/drop/dependents.ts';
import { type DropFacts, majorOf } from '../../domain/access/drop/facts.ts';
import { defaultHeirName } from '../../domain/access/drop/heir.ts';
import type { DropDocument } from '../../domain/access/drop/request.ts';
import { planRights, type RightRow } from '../../domain/access/drop/rights.ts';
import {
  consentReasons,
  type DropObstacle,
  dropObstacles,
  obstacleLines,
  standingObstacles,
} from '../../domain/access/drop/rules.ts';
import { Failure } from '../../domain/failures.ts';
import { DROP_FACTS_SQL, rightsSql } from '../../domain/sql/drop-role.ts';
import { dropPlanHash } from '../../platform/access/drop-plan-hash.ts';
import { describeOwned, listDependents } from '../../platform/target/catalog/shdepend.ts';
import type { ConnectionLease } from '../../platform/target/target-server.ts';
import { findApproval } from '../../store/approvals.ts';
import { ENGINE_OWNER, isMadeByRequest } from '../../store/credentials.ts';
import { findRoleRecord } from '../../store/dropped-roles.ts';
import { ensureInstallationId } from '../../store/installation.ts';
import { findTask } from '../../store/tasks.ts';
import { locationOf } from '../approvals/accept-held.ts';
import { findHold } from '../approvals/hold.ts';
import { renderApproval } from '../approvals/render.ts';
import { type ApiVariables, assertAdmin, type Caller, callerOf } from '../caller.ts';
import type { ServerApiDeps } from '../deps.ts';
import { ApiError } from '../errors.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { acceptedServerTaskSchema } from '../schemas/access.ts';
import { idempotencyHeaders } from '../schemas/common.ts';
import { dropBodySchema, dropPreviewQuerySchema, dropPreviewSchema, dropQuerySchema } from '../schemas/drop.ts';
import { optionalJsonBody } from '../schemas/request-bodies.ts';
import { json, malformed, refused } from '../schemas/responses.ts';
import { requireServer } from '../servers/require-server.ts';
import { renderTask } from '../tasks/render.ts';
import { acceptServerTask } from './accept-server-task.ts';
import { forbidden, notFound, roleParams, unavailable } from './params.ts';

const answers = { 400: malformed, 403: forbidden, 404: notFound, 503: unavailable };
/** One connection reads what is of the whole server, the other one database after the other. */
const CONNECTIONS = 2;
/** Longest lists within one database. */
const MAX_LISTED = 50;

const previewRoute = createRoute({
  method: 'get',
  path: '/v1/servers/{name}/roles/{role}/drop-preview',
  summary: 'What dropping a role would do, in every database',
  request: { params: roleParams, query: dropPreviewQuerySchema },
  responses: { 200: json(dropPreviewSchema, 'The preview; nothing was changed.'), ...answers },
});

const dropRoute = createRoute({
  method: 'delete',
  path: '/v1/servers/{name}/roles/{role}',
  summary: 'Drop a role: locked out, sessions ended, rights taken apart in every database, proven',
  description:
    'A role that is gone already is success. A drop that failed half-way leaves the role locked out; the same request goes on.',
  request: {
    params: roleParams,
    headers: idempotencyHeaders,
    query: dropQuerySchema,
    body: optionalJsonBody(dropBodySchema),
  },
  responses: {
    202: json(
      acceptedServerTaskSchema,
      'Accepted; follow the task. Its result has the receipt. With `approval` it waits for that.',
    ),
    409: refused('The Idempotency-Key was used for another request.'),
    ...answers,
  },
});

/** Preview and drop of roles. */
export function dropRoutes(deps: ServerApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(previewRoute, async (c) => {
    const caller = callerOf(c);
    const { name: serverName, role } = c.req.valid('param');
    await requireServer(deps, serverName);
    const preview = await previewOf(deps, { serverName, role, caller, heir: c.req.valid('query').heir });
    if (preview === undefined)
      throw new ApiError('not_found', `server ${serverName} has no role ${JSON.stringify(role)}`);
    return c.json(preview, 200);
  });

  app.openapi(dropRoute, async (c) => {
    const caller = callerOf(c);
    const { name: serverName, role } = c.req.valid('param');
    await requireServer(deps, serverName);
    const query = c.req.valid('query');
    const body = c.req.valid('json') ?? {};
    const heir = body.heir ?? query.heir;
    const document: DropDocument = {
      role,
      ...(heir === undefined ? {} : { heir }),
      reassign_owned: body.reassign_owned ?? query.reassign_owned ?? false,
      drain_seconds: body.drain_seconds ?? query.drain_seconds ?? 0,
      force: body.force ?? query.force ?? false,
    };
    if (document.force) assertAdmin(caller, '"force": true');
    await refuseForbidden(deps, { serverName, caller, document });
    const hold = await findHold(deps, caller, { serverName, kind: 'drop', roles: [role] });
    const planned = hold && (await planDrop(deps, { serverName, caller, document }));
    const held = hold && planned ? { planHash: planned.hash, held: { ...hold, plan: planned.plan } } : {};
    const { taskId } = await acceptServerTask(deps, caller, {
      serverName,
      type: 'drop_role',
      ...held,
      route: 'DELETE /v1/servers/{name}/roles/{role}',
      content: { serverName, ...document },
      document,
      passwords: new Map(),
    });
    const [task, approval] = await Promise.all([findTask(deps.db, { taskId }), hold && findApproval(deps.db, taskId)]);
    if (task === undefined) throw new ApiError('not_found', 'the task is gone');
    const accepted = { task: renderTask(task), ...(approval && { approval: renderApproval(approval) }) };
    return c.json(accepted, 202, approval === undefined ? {} : locationOf(approval));
  });

  return app;
}

interface Question {
  serverName: string;
  role: string;
  caller: Caller;
  heir: string | undefined;
}

/** What can be said of a role without looking into databases. */
interface Judgement {
  facts: DropFacts;
  role: NonNullable<DropFacts['role']>;
  places: PlaceCounts[];
  obstacles: DropObstacle[];
  reasons: string[];
}

async function judge(deps: ServerApiDeps, client: pg.ClientBase, of: Question): Promise<Judgement | undefined> {
  const { rows } = await client.query<{ facts: DropFacts }>(DROP_FACTS_SQL, [of.role, null, of.heir ?? null]);
  const facts = rows[0]?.facts;
  if (facts === undefined || facts.role === null) return undefined;
  const { role } = facts;
  const dependents = await listDependents(client, role.oid);
  const record = await findRoleRecord(deps.db, { serverName: of.serverName, roleName: role.name });
  const places = countByPlace(dependents);
  const obstacles = dropObstacles({
    facts,
    dependents,
    recordedOwner: record?.owner,
    engineOwner: ENGINE_OWNER,
    installationId: await ensureInstallationId(deps.db),
    heir: of.heir,
  });
  const madeHere = isMadeByRequest(record?.owner) && record?.roleOid === role.oid;
  return { facts, role, places, obstacles, reasons: consentReasons({ places, facts, madeHere }) };
}

/**
 * @param of.insist member of the request by which an admin says that rules do not count
 * @returns whether there is such a role; `unknown` where the server does not answer
 * @throws ApiError 403 with the rules, where the server answers; else the run looks again before it changes anything
 */
export async function refuseForbidden(
  deps: ServerApiDeps,
  of: { serverName: string; caller: Caller; document: DropDocument; insist?: string },
): Promise<'there' | 'gone' | 'unknown'> {
  const { serverName, caller, document } = of;
  const { role, heir } = document;
  const judgement = await withLease(deps, { serverName, caller }, async (lease) =>
    judge(deps, (await lease.connect()).client, { serverName, role, caller, heir }),
  ).catch((error: unknown) => {
    if (error instanceof Failure && error.retryable) return 'unknown' as const;
    throw error;
  });
  if (judgement === undefined) return 'gone';
  if (judgement === 'unknown') return judgement;
  const standing = standingObstacles(judgement.obstacles, document);
  if (standing.length > 0) throw new ApiError('forbidden', obstacleLines(standing, of.insist));
  if (document.reassign_owned || judgement.reasons.length === 0) return 'there';
  throw new ApiError(
    'forbidden',
    `role ${JSON.stringify(role)} is dropped only with consent ("reassign_owned": true): ${judgement.reasons.join('; ')}`,
  );
}

/** What those who decide about a drop are shown, with its hash; undefined for a role that is gone: there is nothing to approve. */
async function planDrop(
  deps: ServerApiDeps,
  of: { serverName: string; caller: Caller; document: DropDocument },
): Promise<{ plan: object; hash: string } | undefined> {
  const { serverName, caller, document } = of;
  const question = { serverName, caller, role: document.role, heir: document.heir };
  // The hash first: what changes between the two makes the drop void, and not the preview wrong.
  const hash = await withLease(deps, of, async (lease) => {
    const { client } = await lease.connect();
    const { rows } = await client.query<{ facts: DropFacts }>(DROP_FACTS_SQL, [
      document.role,
      null,
      document.heir ?? null,
    ]);
    const facts = rows[0]?.facts;
    return facts === undefined || facts.role === null ? undefined : dropPlanHash(client, { facts, document });
  });
  const preview = await previewOf(deps, question);
  return hash === undefined || preview === undefined ? undefined : { hash, plan: { ...preview, request: document } };
}

function previewOf(deps: ServerApiDeps, of: Question) {
  return withLease(deps, of, async (lease) => {
    const { client } = await lease.connect();
    const judgement = await judge(deps, client, of);
    if (judgement === undefined) return undefined;
    const { facts, role, places, obstacles, reasons } = judgement;
    const databases = [];
    for (const place of places) {
      databases.push({ ...place, ...(await insideOf(lease, client, { place, facts, role })) });
    }
    const naming = (key: 'role' | 'member' | 'grantor') =>
      facts.memberships.filter((membership) => membership[key] === role.name);
    return {
      server: of.serverName,
      role: role.name,
      oid: role.oid,
      permitted: obstacles.length === 0,
      permitted_without_consent: obstacles.length === 0 && reasons.length === 0,
      consent_needed_for: reasons,
      forbidden_by: obstacles.map(({ rule, message, remedy, canBeForced }) => ({
        rule,
        message,
        ...(remedy === undefined ? {} : { remedy }),
        can_be_forced: canBeForced,
      })),
      heir: { role: of.heir ?? defaultHeirName(role.oid), exists: facts.heir !== null },
      member_of: naming('member'),
      members: naming('role'),
      granted: { memberships: naming('grantor') },
      sessions: facts.sessions,
      databases,
    };
  });
}

interface Inside {
  granted_again: string[];
  code: { total: number; objects: { description: string; code: string[] }[] };
  unreadable?: string;
}

/** What only a connection to the database can tell. */
async function insideOf(
  lease: ConnectionLease,
  control: pg.ClientBase,
  of: { place: PlaceCounts; facts: DropFacts; role: Judgement['role'] },
): Promise<Inside> {
  const { database } = of.place;
  const nothing = { granted_again: [], code: { total: 0, objects: [] } };
  if (database === null) return { ...nothing, granted_again: await givenOn(control, of) };
  if (of.facts.closedDatabases.includes(database)) return { ...nothing, unreadable: 'it accepts no connections' };
  const connection = await lease.connect({ database }).catch(() => undefined);
  if (connection === undefined) return { ...nothing, unreadable: 'it could not be connected to' };
  try {
    const granted = await givenOn(connection.client, of);
    const owned =
      totalOf(of.place.owns) > 0 ? await describeOwned(connection.client, of.role.oid, MAX_LISTED) : undefined;
    const objects = (owned?.objects ?? []).filter(({ code }) => code.length > 0);
    return { granted_again: granted, code: { total: owned?.withCode ?? 0, objects } };
  } finally {
    await connection.release();
  }
}

async function givenOn(client: pg.ClientBase, of: { facts: DropFacts; role: Judgement['role'] }): Promise<string[]> {
  const { rows } = await client.query<RightRow>(rightsSql(majorOf(of.facts.versionNum)), [of.role.oid]);
  return planRights({ role: of.role.name, rows, databaseOwner: '' }).regranted.slice(0, MAX_LISTED);
}

async function withLease<T>(
  deps: ServerApiDeps,
  of: { serverName: string; caller: Caller },
  work: (lease: ConnectionLease) => Promise<T>,
): Promise<T> {
  const server = await deps.targets.get(of.serverName);
  const session = {
    applicationName: `pgsteward:${of.caller.requestId}`,
    doing: `looking at a role on server ${of.serverName}`,
  };
  return server.reserve(session, CONNECTIONS, work);
}
