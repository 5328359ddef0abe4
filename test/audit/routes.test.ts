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
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startServerOf, type VersionedServer } from '../support/versions.ts';
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

let requests = 0;
/** A call with a request id of its own. */
async function call(
  route: string,
  names: Record<string, string>,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  requests += 1;
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? 'nothing'));
  const requestId = `audited-${requests}`;
  const answer = await stack.call(method, path, body, { 'X-Request-Id': requestId, ...headers });
  return { ...answer, requestId };
}

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

/** Routes that reveal something: one row. */
const REVEALS = KEYS.filter((key) => AUDITED_ROUTES[key]?.reveals);

describe('what is accepted is two rows, of what was asked for and of what came of it, with all that is known of who asked', () => {
  const database = { database_id: 'audited' };
  /** Holds a create at a step, so that there is something to cancel. */
  async function held(id: string): Promise<Record<string, string>> {
    const step = faults.hold({ subject: id, activity: 'createDatabase', when: 'before' });
    const { body } = await call('POST /v1/databases', {}, bareRequest(id));
    await step.reached;
    step.release();
    return { database_id: id, task_id: body.task.task_id };
  }
  const registration = () => {
    const { endpoints, tls, adminUser: user, adminPassword: password } = server.address;
    return {
      endpoints,
      tls: { mode: tls.mode, ca_certificate: tls.caCertificate },
      admin: { user, password },
    };
  };
  const on = { name: 'audited', role: 'app', member: 'alice' };
  const usage = { database: 'postgres', on: { kind: 'schema', names: ['public'] }, privileges: ['USAGE'] };

  // In an order in which each one is possible.
  const accepted: [route: string, act: (route: string) => ReturnType<typeof call>][] = [
    ['POST /v1/databases', (route) => call(route, {}, bareRequest('audited'))],
    [
      'POST /v1/databases/{database_id}',
      (route) => {
        const { spec } = bareRequest('audited');
        const reader = { username: 'audited_reader', attributes: ['LOGIN'], password: 'c4nary-reader' };
        return call(route, database, { spec: { ...spec, database_users: [...spec.database_users, reader] } });
      },
    ],
    ['DELETE /v1/databases/{database_id}', (route) => call(route, database)],
    [
      'POST /v1/databases/{database_id}/tasks/{task_id}/cancel',
      async (route) => call(route, await held('cancelled-by-post')),
    ],
    [
      'GET /v1/databases/{database_id}/tasks/{task_id}/cancel',
      async (route) => call(route, await held('cancelled-by-get')),
    ],
    ['POST /v1/servers', (route) => call(route, {}, { name: 'audited', ...registration() })],
    ['PUT /v1/servers/{name}', (route) => call(route, on, { ...registration(), labels: { environment: 'test' } })],
    [
      'POST /v1/servers/{name}/apply',
      (route) =>
        call(route, on, {
          document: {
            roles: [
              { name: 'app', login: true, password: 'c4nary-app' },
              { name: 'alice', login: true },
            ],
          },
        }),
    ],
    [
      'PUT /v1/servers/{name}/roles/{role}',
      (route) => call(route, on, { login: true, generate_password: true, connection_limit: 3 }),
    ],
    ['PUT /v1/servers/{name}/roles/{role}/members/{member}', (route) => call(route, on, {})],
    ['DELETE /v1/servers/{name}/roles/{role}/members/{member}', (route) => call(route, on)],
    ['POST /v1/servers/{name}/grants', (route) => call(route, on, { ...usage, to: ['app'] })],
    ['POST /v1/servers/{name}/revokes', (route) => call(route, on, { ...usage, from: ['app'] })],
    [
      'DELETE /v1/servers/{name}/roles/{role}',
      (route) => call(route, { ...on, role: 'alice' }, { reassign_owned: true }),
    ],
    [
      'DELETE /v1/servers/{name}',
      async (route) => {
        // What was made there would keep it from being forgotten.
        await call('DELETE /v1/servers/{name}/roles/{role}', on, { reassign_owned: true });
        await until(async () =>
          (await server.query(`SELECT FROM pg_roles WHERE rolname = 'app'`)).length === 0 ? true : undefined,
        );
        return until(async () => {
          const answer = await call(route, on);
          return answer.status === 200 ? answer : undefined;
        });
      },
    ],
  ];

  test('of every route', () => {
    const shown = [...accepted.map(([route]) => route), ...Object.keys(SHOWN_BY), ...REVEALS];
    expect(shown.sort()).toEqual([...KEYS].sort());
  });
  test.each(Object.entries(SHOWN_BY))('%s: in %s', async (_route, file) => {
    await access(new URL(file, import.meta.url));
  });

  test.each(accepted)('%s', async (route, act) => {
    const { status, body, requestId } = await act(route);
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    const { action } = AUDITED_ROUTES[route] ?? {};
    const rows = await until(async () => {
      const found = await rowsOf(requestId);
      return found.some(({ kind }) => kind === 'outcome') ? found : undefined;
    });
    expect(rows.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(['intent null', 'outcome completed']);
    for (const row of rows) {
      expect(row).toMatchObject({ actor: 'loopback', action, resource: rows[0]?.resource, task_id: rows[0]?.task_id });
    }
    expect(JSON.stringify(rows)).not.toMatch(/c4nary|SCRAM-SHA-256/);
  });

  test.each(REVEALS)('but a reveal is one: %s', async (route) => {
    requests += 1;
    const requestId = `reveal-${requests}`;
    const response = await stack.request(route.split(' ')[1] ?? '', { headers: { 'X-Request-Id': requestId } });
    await response.text();
    expect(response.status).toBe(200);
    expect(await rowsOf(requestId)).toMatchObject([{ kind: 'reveal', action: AUDITED_ROUTES[route]?.action }]);
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
       FROM audit_log WHERE action = 'database.update' AND kind = 'intent'`,
    );
    expect(rows).toEqual([{ before: ['audited_app'], after: ['audited_app', 'audited_reader'] }]);
  });
});

describe('a request that is refused is one row, with the name of the reason:', () => {
  test.each(KEYS)('%s', async (route) => {
    const names = { database_id: 'a-1', name: 's-1', role: 'röle/1', member: 'm', node_name: 'n1' };
    const { status, requestId } = await call(route, names, undefined, { Origin: 'https://evil.example' });
    expect(status).toBe(403);
    const { action, resource = '' } = AUDITED_ROUTES[route] ?? {};
    expect(await rowsOf(requestId)).toMatchObject([
      {
        kind: 'refusal',
        actor: 'loopback',
        action,
        resource: resource.replace('{database_id}', 'a-1').replace('{name}', 's-1').replace('{role}', 'röle/1'),
        outcome: 'refused',
        detail: { route, status: 403, reason: 'forbidden' },
      },
    ]);
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
  for (const { historyLength } of runs) expect(historyLength).toBeLessThanOrEqual(7);
  const { code, text } = await verify(stack);
  expect(code, text).toBe(0);
  expect(await anchorsIn(stack.config.files.auditAnchors)).not.toHaveLength(0);
});
