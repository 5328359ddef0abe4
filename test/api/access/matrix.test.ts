/**
 * Every route of the router with every role and scope. What is expected comes from docs/authorization.md, not from the code. Bodies
 * and keys are invalid on purpose: whoever is let through is told so, and nothing is changed.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enforceRules } from '../../../api/access/enforce.ts';
import { routeKey } from '../../../api/access/route.ts';
import { ROUTE_RULES, type RouteRule } from '../../../api/access/rules.ts';
import { createApp } from '../../../api/app.ts';
import type { ApiVariables } from '../../../api/caller.ts';
import { nameRequest } from '../../../api/caller-middleware.ts';
import { createErrorHandler } from '../../../api/error-handler.ts';
import { GLOBAL_ROLES, type GlobalRole } from '../../../domain/authority/roles.ts';
import type { Scope } from '../../../domain/authority/scope.ts';
import { insertDatabase } from '../../../store/databases.ts';
import { insertJwtRotation } from '../../../store/jwt-rotations.ts';
import { insertEntry } from '../../../store/registry.ts';
import { findServer, insertServer } from '../../../store/servers.ts';
import { insertTask } from '../../../store/tasks.ts';
import { makePerson } from '../../support/accounts.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { type DocumentedRule, documentedRules } from './support/documented.ts';

const RULES = await documentedRules();
const SCOPES = ['none', 'matching', 'foreign'] as const;
type ScopeName = (typeof SCOPES)[number];

/** What is within the scope `matching`, and what is only within `foreign`; both exist. */
const OWN: Record<string, string> = { databases: 'mine', servers: 'host-1', environments: 'mine' };
const FOREIGN: Record<string, string> = { databases: 'theirs', servers: 'their-server', environments: 'theirs' };
const MISSING = 'missing';
const scopeOf = (names: Record<string, string>): Scope =>
  Object.fromEntries(Object.entries(names).map(([kind, name]) => [kind, [name]]));
const SCOPE_OF: Record<ScopeName, Scope | undefined> = {
  none: undefined,
  matching: scopeOf(OWN),
  foreign: scopeOf(FOREIGN),
};

let stack: TestStack;
/** Headers by role and scope. */
const callers = new Map<string, Record<string, string>>();
/** A task of each, by kind and name. */
const tasks = new Map<string, string>();

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  const { db } = stack.control;
  const spec = { database_name: 'shop', nodes: [{ name: 'n1', host_ids: ['host-1'] }] };
  for (const id of [OWN.databases, FOREIGN.databases] as string[]) {
    await insertDatabase(db, { id, tenantId: undefined, databaseName: 'shop', spec });
    const taskId = await taskOf('database', id);
    tasks.set(`databases ${id}`, taskId);
    await insertJwtRotation(db, {
      ...{ id: uuidv7(), databaseId: id, serviceId: 'api', secretVersion: 1, newKeys: 1, asText: true },
      ...{ graceSeconds: 86_400, openingTask: taskId, actor: 'test' },
    });
  }
  const known = await findServer(db, 'host-1');
  if (known === undefined) throw new Error('the stack has no server');
  await insertServer(db, { ...known, name: FOREIGN.servers ?? '', systemIdentifier: '1' });
  for (const name of [OWN.servers, FOREIGN.servers] as string[]) {
    tasks.set(`servers ${name}`, await taskOf('server', name));
  }
  for (const env of [OWN.environments, FOREIGN.environments] as string[]) {
    const entry = { env, dbName: 'shop', hostname: 'pg', port: 5432, active: true, notes: null };
    await insertEntry(db, { ...entry, serverName: 'host-1' });
  }
  for (const role of GLOBAL_ROLES) {
    for (const scope of SCOPES) {
      const bounds = SCOPE_OF[scope];
      const person = await makePerson(stack, { role, name: `${role}.${scope}`, ...(bounds && { scope: bounds }) });
      callers.set(`${role} ${scope}`, person.credentials);
    }
  }
});
afterAll(() => stack?.stop());

/** One that has begun already, so that nobody takes it up. */
async function taskOf(scope: 'database' | 'server', entityId: string): Promise<string> {
  const { db } = stack.control;
  const task = await insertTask(db, {
    scope,
    entityId,
    type: scope === 'database' ? 'create' : 'drop_role',
    epoch: 1,
    workflowType: 'none',
    workflowKind: 'test',
    actor: 'test',
  });
  await db.query(`UPDATE tasks SET status = 'completed', completed_at = now() WHERE id = $1`, [task.id]);
  return task.id;
}

const UNKNOWN_ID = '019f6a00-0000-7000-8000-000000000001';
/** What stands for the other parameters of paths. */
const PARAMETERS: Record<string, string> = {
  task_id: UNKNOWN_ID,
  account_id: UNKNOWN_ID,
  token_id: UNKNOWN_ID,
  host_id: 'host-1',
  node_name: 'n1',
  service_id: 'api',
  role: 'postgres',
  member: 'nobody',
  id: '1',
};

interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

async function ask(
  rule: DocumentedRule,
  credentials: Record<string, string>,
  names: Record<string, string> = OWN,
): Promise<Answer> {
  const of = rule.scope.about === 'one' ? { kind: rule.scope.kind, name: names[rule.scope.kind] ?? '' } : undefined;
  const path = rule.path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
    if (rule.scope.about === 'one' && parameter === rule.scope.parameter) return of?.name ?? '';
    if (parameter === 'task_id') return tasks.get(`${of?.kind} ${of?.name}`) ?? UNKNOWN_ID;
    return PARAMETERS[parameter] ?? 'x';
  });
  const changes = rule.method !== 'GET' || rule.path.endsWith('/cancel');
  const headers = changes ? { 'Idempotency-Key': 'too-long'.repeat(40) } : {};
  const response = await stack.as(credentials).request(path, { method: rule.method, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const OF_THE_RULES = /is for the roles?|is about the whole installation|no rule says/;

/** The handler has answered. */
function expectLetThrough(rule: DocumentedRule, answer: Answer): void {
  const what = `${rule.key}: ${answer.status} ${answer.text}`;
  expect(answer.status, what).not.toBe(401);
  expect(answer.text, what).not.toMatch(OF_THE_RULES);
  if (rule.scope.about === 'one') expect(answer.status, what).not.toBe(404);
}

describe('the table of routes', () => {
  test('has a row for every route of the router, and for no other', () => {
    const routes = createApp(stack.api)
      .routes.filter(({ method }) => method !== 'ALL')
      .map(routeKey);
    const served = [...new Set(routes)].sort();
    expect(Object.keys(ROUTE_RULES).sort()).toEqual(served);
    expect(RULES.map(({ key }) => key).sort()).toEqual(served);
  });

  test('is documented as it is', () => {
    const documented = ({ roles, subject, openOnLoopback }: RouteRule) => ({
      roles: roles === 'anyone' ? undefined : [...roles],
      scope:
        typeof subject === 'string'
          ? { about: subject }
          : 'handler' in subject
            ? { about: 'list', kinds: [...subject.handler] }
            : { about: 'one', kind: subject.kind, parameter: subject.parameter },
      open: openOnLoopback === true,
    });
    for (const { key, method: _, path: __, ...row } of RULES) {
      const rule = ROUTE_RULES[key];
      expect({ key, ...row, roles: row.roles && [...row.roles] }).toEqual({ key, ...(rule && documented(rule)) });
    }
  });

  test('is needed: a route without a rule is refused to everybody', async () => {
    const app = new OpenAPIHono<ApiVariables>();
    app.use(nameRequest(), enforceRules(stack.api, {}));
    app.onError(createErrorHandler(stack.api.log));
    app.get('/v1/new', (c) => c.text('answered'));
    const response = await app.request('http://localhost:3000/v1/new', { headers: stack.admin });
    expect([response.status, await response.json()]).toMatchObject([
      403,
      { message: 'no rule says who may call GET /v1/new' },
    ]);
  });
});

describe.each(RULES)('$key', (rule) => {
  test('without credentials', async () => {
    const answer = await ask(rule, {});
    if (rule.open) return expectLetThrough(rule, answer);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/Bearer realm/),
    ]);
  });

  test.each(GLOBAL_ROLES)('as %s, with any scope', async (role) => {
    for (const scope of SCOPES) await expectRule(rule, { role, scope });
  });
});

async function expectRule(rule: DocumentedRule, caller: { role: GlobalRole; scope: ScopeName }): Promise<void> {
  const credentials = callers.get(`${caller.role} ${caller.scope}`) ?? {};
  const answer = await ask(rule, credentials);
  const what = `${rule.key} as ${caller.role} with scope ${caller.scope}: ${answer.status} ${answer.text}`;
  if (rule.roles !== undefined && !rule.roles.includes(caller.role)) {
    expect([answer.status, answer.text], what).toEqual([403, expect.stringMatching(/is for the roles? /)]);
    expect(answer.text, what).toContain(`is here as ${caller.role}`);
  } else if (rule.scope.about === 'installation' && caller.scope !== 'none') {
    expect([answer.status, answer.text], what).toEqual([403, expect.stringContaining('the whole installation')]);
  } else if (rule.scope.about === 'one' && caller.scope === 'foreign') {
    await expectAbsence(rule, { caller: credentials, answer, what });
  } else {
    expectLetThrough(rule, answer);
  }
}

/** A foreign one answers as a missing one does: to the same caller, and to one without a scope. */
async function expectAbsence(
  rule: DocumentedRule,
  seen: { caller: Record<string, string>; answer: Answer; what: string },
): Promise<void> {
  const { answer, what } = seen;
  const kind = rule.scope.about === 'one' ? rule.scope.kind : '';
  const names = { [kind]: MISSING };
  const text = ({ text }: Answer, name: string) => text.replaceAll(name, '<name>');
  const missing = await ask(rule, seen.caller, names);
  expect([missing.status, text(missing, MISSING)], what).toEqual([answer.status, text(answer, OWN[kind] ?? '')]);
  if (!/\/tasks$|\/cancel$/.test(rule.path)) expect(answer.status, what).toBe(404);
  // What changes something is asked with an invalid key here, which is the first thing that others hear of.
  if (rule.method !== 'GET' || rule.path.endsWith('/cancel')) return;
  const usual = await ask(rule, stack.admin, names);
  // An environment is no record: any name has what holds for all, so that nothing is told by a 404.
  if (usual.status === 400 || kind === 'environments') return;
  expect([usual.status, text(usual, MISSING)], what).toEqual([answer.status, text(answer, OWN[kind] ?? '')]);
}

test('with PGSTEWARD_AUTH=required every route but those for anyone needs credentials', async () => {
  const app = createApp({ ...stack.api, access: { open: false } });
  for (const { key, method, path, roles } of RULES) {
    const response = await app.request(`http://localhost:3000${path.replaceAll(/[{}]/g, '')}`, { method });
    expect([key, response.status === 401]).toEqual([key, roles !== undefined]);
  }
});

test('a name is the same one however the path writes it', async () => {
  const { call } = stack.as(callers.get('operator matching') ?? {});
  expect((await call('GET', '/v1/databases/%6dine')).status).toBe(200);
  const foreign = await call('GET', '/v1/databases/%74heirs');
  const missing = await call('GET', '/v1/databases/missing');
  expect([foreign.status, foreign.body]).toEqual([404, missing.body]);
  expect((await stack.as({}).request('/v1/servers', { method: 'HEAD' })).status).toBe(401);
});
