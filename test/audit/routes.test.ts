import { access } from 'node:fs/promises';
import { OpenAPIHono } from '@hono/zod-openapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTE_RULES } from '../../api/access/rules.ts';
import { AUDITED_ROUTES, CHANGES_NOTHING } from '../../api/audit/changes.ts';
import { createRefusalBudget } from '../../api/audit/refusal-budget.ts';
import { auditRefusals } from '../../api/audit/refusals.ts';
import type { ApiVariables, Caller } from '../../api/caller.ts';
import { createErrorHandler } from '../../api/error-handler.ts';
import { createDispatcher } from '../../api/roles/dispatcher.ts';
import { roleRoutes } from '../../api/roles/role-routes.ts';
import { serverRoutes } from '../../api/servers/routes.ts';
import { bareRequest } from '../api/support/requests.ts';
import { createFaults } from '../faults/support/faults.ts';
import { makePerson } from '../support/accounts.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
import { type Call, everyChange } from './support/acts.ts';
import { anchorsIn, verify } from './support/log.ts';

const faults = createFaults();
let stack: TestStack;
let server: VersionedServer;

beforeAll(async () => {
  [stack, server] = await Promise.all([
    startTestStack({
      runtime: 'process',
      controlInterceptors: faults.interceptors,
      env: { PGSTEWARD_AUDIT_SEAL_SECONDS: '1' },
    }),
    startServerOf(18),
  ]);
});
afterAll(async () => {
  await Promise.all([stack?.stop(), server?.stop()]);
});

interface Row {
  kind: string;
  actor: string;
  token_id: string | null;
  source: string | null;
  action: string;
  resource: string;
  task_id: string | null;
  outcome: string | null;
  detail: Record<string, unknown>;
}

async function rowsOf(requestId: string): Promise<Row[]> {
  const { rows } = await stack.control.db.query<Row>('SELECT * FROM audit_log WHERE request_id = $1 ORDER BY id', [
    requestId,
  ]);
  return rows;
}

const call: Call = async (route, names, body, headers = {}) => {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? 'nothing'));
  const query = names['?'] === undefined ? '' : `?${names['?']}`;
  const answer = await stack.call(method, path + query, body, headers);
  return { ...answer, requestId: answer.headers.get('x-request-id') ?? '' };
};

const KEYS = Object.keys(AUDITED_ROUTES);

test('every route that changes something has its name for the log', () => {
  const changing = Object.keys(ROUTE_RULES).filter((key) => !key.startsWith('GET ') && !CHANGES_NOTHING.has(key));
  expect(KEYS).toEqual(expect.arrayContaining(changing));
  expect(Object.keys(ROUTE_RULES)).toEqual(expect.arrayContaining([...KEYS, ...CHANGES_NOTHING]));
});

/** Routes whose rows another test shows, because they need more than one server or host. */
const SHOWN_BY: Readonly<Record<string, string>> = {
  'POST /v1/databases/{database_id}/nodes/{node_name}/switchover': '../failover/switchover.test.ts',
};

/** Reveals whose answer is no JSON, or is that of a GET without parameters. */
const FILES = ['GET /v1/cluster/join-token', 'GET /v1/audit/export'];

describe('what is accepted is two rows, of what was asked for and of what came of it, and a reveal is one, with all that is known of who asked:', () => {
  const accepted = everyChange({ stack: () => stack, server: () => server, faults, call });

  test('of every route', () => {
    const shown = [...accepted.map(([route]) => route), ...Object.keys(SHOWN_BY), ...FILES];
    expect(shown.sort()).toEqual([...KEYS].sort());
  });
  test.each(Object.entries(SHOWN_BY))('%s: in %s', async (_route, file) => {
    await access(new URL(file, import.meta.url));
  });

  test.each(accepted)('%s', async (route, act) => {
    const { status, body, requestId } = await act(route);
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    const { action, reveals } = AUDITED_ROUTES[route] ?? {};
    const last = reveals ? 'reveal' : 'outcome';
    const rows = await until(async () => {
      // An import has further rows, one for each entry.
      const found = (await rowsOf(requestId)).filter((row) => row.action === action);
      return found.some(({ kind }) => kind === last) ? found : undefined;
    });
    const expected = reveals ? ['reveal null'] : ['intent null', 'outcome completed'];
    expect(rows.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(expected);
    for (const row of rows) {
      const { actor, token_id, resource, task_id } = rows[0] ?? {};
      expect(row).toMatchObject({ action, actor, token_id, resource, task_id });
      if (ROUTE_RULES[route]?.roles !== 'anyone') expect(row.token_id, 'the token that it came with').not.toBeNull();
    }
    expect(JSON.stringify(rows)).not.toMatch(/c4nary|SCRAM-SHA-256/);
  });

  test.each(FILES)('%s', async (route) => {
    const response = await stack.request(route.split(' ')[1] ?? '');
    await response.text();
    expect(response.status).toBe(200);
    expect(await rowsOf(response.headers.get('x-request-id') ?? '')).toMatchObject([
      { kind: 'reveal', action: AUDITED_ROUTES[route]?.action },
    ]);
  });

  test('a registration is in the log before and after a change, without its password', async () => {
    const { rows } = await stack.control.db.query<{ action: string; detail: Record<string, Record<string, unknown>> }>(
      `SELECT action, detail FROM audit_log WHERE resource = 'server/audited' AND kind = 'outcome'
         AND action IN ('server.register', 'server.change', 'server.delete') ORDER BY id`,
    );
    const [registered, changed, deleted] = rows.map(({ detail }) => detail);
    expect(registered?.after).toMatchObject({ adminUser: 'postgres', labels: {}, tls: 'verify-full' });
    expect(changed).toMatchObject({ before: registered?.after, after: { labels: { environment: 'test' } } });
    expect(deleted).toEqual({ before: changed?.after });
    expect(JSON.stringify(rows)).not.toContain(server.address.adminPassword);
  });

  test('a specification is in the log before and after an update', async () => {
    const { rows } = await stack.control.db.query<{ before: string[]; after: string[] }>(
      `SELECT jsonb_path_query_array(detail, '$.before.spec.database_users[*].username') AS before,
         jsonb_path_query_array(detail, '$.after.spec.database_users[*].username') AS after
       FROM audit_log WHERE action = 'database.update' AND kind = 'intent' AND detail ? 'before'`,
    );
    expect(rows).toEqual([{ before: ['audited_app'], after: ['audited_app', 'audited_reader'] }]);
  });
});

describe('a request that is refused is one row, with the name of the reason:', () => {
  test.each(KEYS.filter((key) => ROUTE_RULES[key]?.roles !== 'anyone'))('%s', async (route) => {
    const names = { database_id: 'a-1', name: 's-1', role: 'röle/1', env: 'prod' };
    const { status, requestId } = await call(route, names, undefined, { 'Sec-Purpose': 'prefetch' });
    expect(status).toBeGreaterThanOrEqual(400);
    const { action, resource = '' } = AUDITED_ROUTES[route] ?? {};
    const named = resource.replaceAll(/\{(\w+)\}/g, (_, name) => ({ ...names })[name as 'name'] ?? 'nothing');
    expect(await rowsOf(requestId)).toMatchObject([
      {
        kind: 'refusal',
        actor: 'admin',
        action,
        resource: named,
        outcome: 'refused',
        detail: { route, status, reason: expect.stringMatching(/^[a-z_]+$/) },
      },
    ]);
  });

  test.each(KEYS.filter((key) => ROUTE_RULES[key]?.roles === 'anyone'))(
    'but not where anyone may ask: %s',
    async (route) => {
      const { status, requestId } = await call(route, {}, undefined, { 'Sec-Purpose': 'prefetch', Authorization: '' });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(await rowsOf(requestId)).toEqual([]);
    },
  );

  test('what a role may not', async () => {
    const member = await makePerson(stack, { role: 'member' });
    const { status, requestId } = await call(
      'DELETE /v1/servers/{name}',
      { name: 'host-1' },
      undefined,
      member.credentials,
    );
    expect(status).toBe(403);
    expect(await rowsOf(requestId)).toMatchObject([
      { kind: 'refusal', actor: member.account.name, token_id: member.token.id, resource: 'server/host-1' },
    ]);
  });

  test('and none without credentials that are accepted', async () => {
    for (const headers of [{ Authorization: 'Bearer wrong' }, { Authorization: '' }]) {
      const { status, requestId } = await call('DELETE /v1/servers/{name}', { name: 'host-1' }, undefined, headers);
      expect(status).toBe(401);
      expect(await rowsOf(requestId)).toEqual([]);
    }
  });

  test.each<[what: string, route: string, body: unknown, status: number, reason: string, outcome: string]>([
    ['a wrong shape', 'POST /v1/databases', { spec: 7 }, 400, 'invalid_field_type', 'refused'],
    ['no JSON', 'POST /v1/servers', '{"name":', 400, 'decode_payload', 'refused'],
    [
      'a wrong value',
      'POST /v1/databases',
      { ...bareRequest('x'), tenant_id: 'a--b' },
      400,
      'invalid_input',
      'refused',
    ],
    ['what is not there', 'DELETE /v1/servers/{name}', undefined, 404, 'not_found', 'refused'],
    [
      'a name that is taken',
      'POST /v1/servers',
      {
        name: 'host-1',
        endpoints: [{ address: '127.0.0.1', port: 1 }],
        tls: { mode: 'disable' },
        admin: { user: 'a', password: 'c4nary' },
      },
      409,
      'server_already_exists',
      'refused',
    ],
    [
      'a server that does not answer',
      'POST /v1/servers',
      {
        name: 'away',
        endpoints: [{ address: '127.0.0.1', port: 1 }],
        tls: { mode: 'disable' },
        admin: { user: 'a', password: 'c4nary' },
      },
      503,
      'unavailable',
      'failed',
    ],
    ['too large a body', 'POST /v1/databases', { text: 'x'.repeat(800_000) }, 413, 'payload_too_large', 'refused'],
  ])('%s', async (_what, route, body, status, reason, outcome) => {
    const answer = await call(route, { name: 'nothing' }, body);
    expect(answer.status).toBe(status);
    const rows = await rowsOf(answer.requestId);
    expect(rows).toMatchObject([{ kind: 'refusal', outcome, detail: { status, reason } }]);
    expect(JSON.stringify(rows)).not.toContain('c4nary');
  });

  test('a name in the path that is no text is stored as one', async () => {
    const { status, requestId } = await call('DELETE /v1/servers/{name}', { name: 'a\0\n' });
    expect(status).toBeGreaterThanOrEqual(400);
    expect((await rowsOf(requestId))[0]?.resource).toMatch(/^server\/a\ufffd\ufffd/);
  });
});

test('what fails after it was accepted is an outcome, and no refusal', async () => {
  const { status, requestId } = await call(
    'PUT /v1/servers/{name}/roles/{role}',
    { name: 'host-1', role: 'fails' },
    { login: true, settings: [{ name: 'work_mem', value: 'much' }] },
  );
  expect(status).toBe(400);
  const rows = await rowsOf(requestId);
  expect(rows.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(['intent null', 'outcome failed']);
});

test.each<[what: string, method: string, path: string, body?: unknown]>([
  ['a look at nothing', 'GET', '/v1/databases/nothing'],
  ['a list with a wrong parameter', 'GET', '/v1/tasks?limit=0'],
  ['a plan', 'POST', '/v1/servers/nothing/plan', { document: 1 }],
  ['a request for headers', 'HEAD', '/v1/databases/a/tasks/019f6a00-0000-7000-8000-000000000001/cancel'],
  ['an unknown path', 'POST', '/v1/everything', {}],
  ['a method that the path does not take', 'PATCH', '/v1/databases', {}],
])('%s that is refused is not in the log', async (_what, method, path, body) => {
  const { status } = await stack.call(method, path, body, { 'X-Request-Id': 'not-in-the-log' });
  expect(status).toBeGreaterThanOrEqual(400);
  expect(await rowsOf('not-in-the-log')).toEqual([]);
});

describe('of a caller with a token', () => {
  function appFor(caller: Partial<Caller>) {
    const app = new OpenAPIHono<ApiVariables>();
    app.use(async (c, next) => {
      const requestId = c.req.header('X-Request-Id') ?? '';
      c.set('caller', { account: 'ci', isAdmin: true, role: 'admin', requestId, ...caller });
      await next();
    });
    app.use(auditRefusals(stack.api));
    app.onError(createErrorHandler(stack.api.log));
    app.route('/', roleRoutes({ ...stack.api, dispatcher: createDispatcher(stack.api) }));
    app.route('/', serverRoutes(stack.api));
    return app;
  }
  const json = { 'content-type': 'application/json' };

  test('token and address are in every row, also in those of what is done later', async () => {
    const app = appFor({ tokenId: 'token-17', source: '10.9.8.7' });
    const body = JSON.stringify({ login: true });
    const path = '/v1/servers/host-1/roles/by_token';
    const done = await app.request(path, { method: 'PUT', headers: { ...json, 'X-Request-Id': 'by-token-1' }, body });
    expect(done.status).toBe(200);
    const refused = await app.request('/v1/servers/gone', {
      method: 'DELETE',
      headers: { 'X-Request-Id': 'by-token-1' },
    });
    expect(refused.status).toBe(404);
    const rows = await rowsOf('by-token-1');
    expect(rows.map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'refusal']);
    for (const row of rows) expect(row).toMatchObject({ actor: 'ci', token_id: 'token-17', source: '10.9.8.7' });
  });

  test('nobody who is not known writes into the log', async () => {
    const app = appFor({ account: 'anonymous' });
    const headers = { 'X-Request-Id': 'of-a-stranger' };
    expect((await app.request('/v1/servers/gone', { method: 'DELETE', headers })).status).toBe(404);
    expect(await rowsOf('of-a-stranger')).toEqual([]);
  });

  test('who is refused without end writes so many rows a minute, and the next row tells how many there are none of', () => {
    const budget = createRefusalBudget(3);
    const at = (account: string, second: number) => budget.take(account, second * 1_000)?.unrecorded;
    expect([at('a', 0), at('a', 1), at('a', 2), at('a', 3), at('a', 59)]).toEqual([0, 0, 0, undefined, undefined]);
    expect(at('b', 59)).toBe(0);
    expect([at('a', 60), at('a', 61)]).toEqual([2, 0]);
  });
});

test('a running worker seals by itself, at its start and by its schedule, in short runs that say what they do', async () => {
  const { rows } = await stack.control.db.query<{ last: number }>('SELECT max(id) AS last FROM audit_log');
  await until(async () => {
    const sealed = await stack.control.db.query('SELECT FROM audit_chain WHERE audit_id = $1', [rows[0]?.last]);
    return sealed.rows.length > 0 ? true : undefined;
  });
  const { workflow } = stack.temporal.client;
  const runs = await until(async () => {
    const found: { workflowId: string; historyLength: number | undefined }[] = [];
    for await (const { workflowId, historyLength } of workflow.list({
      query: `WorkflowType = 'sealAudit' AND ExecutionStatus = 'Completed'`,
    })) {
      found.push({ workflowId, historyLength });
    }
    const kinds = new Set(found.map(({ workflowId }) => workflowId.startsWith('sealAudit/start/')));
    return kinds.size === 2 ? found : undefined;
  });
  // A workflow task that a slow machine lost adds to one of them.
  const lengths = runs.map(({ historyLength = 0 }) => historyLength);
  expect(Math.min(...lengths)).toBeLessThanOrEqual(7);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(20);
  const { code, text } = await verify(stack);
  expect(code, text).toBe(0);
  expect(await anchorsIn(stack.config.files.auditAnchors)).not.toHaveLength(0);
});
