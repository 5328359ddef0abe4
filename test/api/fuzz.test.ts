import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { expectRefusal, placesIn, replaced, text, value } from './support/fuzz.ts';
import { rowCounts } from './support/records.ts';
import { bareRequest } from './support/requests.ts';

const UNKNOWN = '019f6a00-0000-7000-8000-000000000001';

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process' });
  // What is accepted stays pending: acceptance alone is at stake here.
  await stack.controlWorker.stop();
});
afterAll(() => stack?.stop());

/** A request with every member there is, and a service whose host is asked nothing: it has no such user. */
function fullRequest(id: string) {
  const { spec } = bareRequest(id);
  const service = {
    service_id: 'api',
    service_type: 'postgrest',
    version: 'latest',
    host_ids: ['host-1'],
    port: 3100,
    connect_as: 'ghost',
    config: { db_schemas: 'public', db_anon_role: 'anon', db_pool: 5, max_rows: 10, jwt_secret: 'x'.repeat(32) },
    cpus: '0.5',
    memory: '512M',
    orchestrator_opts: { swarm: { extra_labels: { a: 'b' }, image: 'postgrest:1' } },
    database_connection: { target_nodes: ['n1'], target_session_attrs: 'any' },
  };
  const scripts = { post_init: ['SELECT 1'], post_database_create: ['SELECT 2'] };
  return { id, tenant_id: 'tenant', spec: { ...spec, services: [service], scripts, extensions: ['citext'] } };
}

function post(body: string): Promise<Response> {
  return stack.request('/v1/databases', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
}

let requests = 0;

test('whatever one member of a good request becomes, it is accepted or refused, and never an internal error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 10_000 }), value, async (place, by) => {
      requests += 1;
      const request = bareRequest(`fuzz-${requests}`);
      const places = placesIn(request);
      const body = JSON.stringify(replaced(request, places[place % places.length] ?? [], by)) ?? '';
      const before = await rowCounts(stack);
      const response = await post(body);
      if (response.status !== 200) await expectRefusal(stack, response, before);
    }),
    { numRuns: 200 },
  );
});

test('whatever a wrong request says besides, it is refused and stores nothing', async () => {
  const request = fullRequest('never');
  const places = placesIn(request).filter((place) => !place.includes('connect_as'));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), value, async (place, by) => {
      const before = await rowCounts(stack);
      const body = JSON.stringify(replaced(request, place, by)) ?? '';
      const response = await post(body);
      // Without its service, the request is a good one.
      if (response.status === 200 && !body.includes('ghost')) return;
      await expectRefusal(stack, response, before);
    }),
    { numRuns: 250 },
  );
});

test('nesting without end is refused, wherever it stands', async () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  for (const place of placesIn(fullRequest('deep'))) {
    const before = await rowCounts(stack);
    const response = await post(JSON.stringify(replaced(fullRequest('deep'), place, '@')).replace('"@"', deep));
    await expectRefusal(stack, response, before);
  }
});

test('any path, query and method is answered in one of the forms, and changes nothing', async () => {
  const segment = fc.oneof(
    fc.webSegment(),
    fc.constantFrom('%00', '%ff', '%2e%2e', '%', 'a'.repeat(400), 'Ü', 'v1', 'databases', 'tasks', 'log', 'hosts'),
    fc.uuid(),
  );
  const path = fc.oneof(
    fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`),
    fc.tuple(segment, segment).map(([id, task]) => `/v1/databases/${id}/tasks/${task}/log`),
    fc.tuple(segment, segment).map(([id, task]) => `/v1/databases/${id}/tasks/${task}`),
    segment.map((id) => `/v1/databases/${id}/tasks`),
    segment.map((id) => `/v1/databases/${id}`),
  );
  const query = fc.dictionary(
    fc.constantFrom(
      'limit',
      'after_task_id',
      'after_entry_id',
      'after_database_id',
      'sort_order',
      'include',
      'force',
      'wait',
    ),
    fc.oneof(fc.webQueryParameters(), fc.constantFrom('', '-1', '0', '1e9', '%00', '1&limit=2', 'asc')),
  );
  const method = fc.constantFrom('GET', 'HEAD', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'POST');
  const before = await rowCounts(stack);
  await fc.assert(
    fc.asyncProperty(path, query, method, async (where, parameters, how) => {
      const search = Object.entries(parameters).map(([name, text]) => `${name}=${text}`);
      const response = await stack.request(`${where}?${search.join('&')}`, { method: how });
      // Hosts are asked whether they are there by a run, which nobody takes here; that is an answer too.
      expect(response.status).toBeLessThan(500);
      if (response.status >= 400 && how !== 'HEAD') await expectRefusal(stack, response, before);
    }),
    { numRuns: 300 },
  );
  expect(await rowCounts(stack)).toEqual(before);
});

describe('the published routes', () => {
  const ROUTES = [
    ['GET', '/v1/databases'],
    ['GET', '/v1/databases/{id}'],
    ['DELETE', '/v1/databases/{id}'],
    ['GET', '/v1/databases/{id}/tasks'],
    ['GET', '/v1/databases/{id}/tasks/{task}'],
    ['GET', '/v1/databases/{id}/tasks/{task}/log'],
    ['GET', '/v1/databases/{id}/tasks/{task}/cancel'],
    ['POST', '/v1/databases/{id}/tasks/{task}/cancel'],
    ['GET', '/v1/tasks'],
    ['GET', '/v1/hosts/{id}'],
    ['GET', '/v1/hosts/{id}/tasks'],
    ['GET', '/v1/hosts/{id}/tasks/{task}'],
    ['GET', '/v1/hosts/{id}/tasks/{task}/logs'],
    ['GET', '/v1/cluster/init'],
    ['GET', '/v1/servers/{id}/tasks'],
    ['GET', '/v1/servers/host-1/tasks'],
    ['GET', '/v1/servers/host-1/tasks/{task}'],
    ['GET', '/v1/servers/{id}/tasks/{task}/log'],
  ] as const;
  const PARAMETERS = [
    'limit',
    'after_task_id',
    'after_entry_id',
    'after_database_id',
    'sort_order',
    'scope',
    'entity_id',
    'include',
    'force',
    'cluster_id',
    'wait',
  ];
  /** Values that one of the parameters takes, so that what is behind the checks is reached, too. */
  const GOOD = [
    '1',
    'asc',
    'descending',
    'database',
    'host',
    'server',
    'true',
    'available_upgrades',
    'target-a',
    UNKNOWN,
  ];

  const tasks: string[] = [];

  beforeAll(async () => {
    for (const id of ['target-a', 'target-b', 'target-c']) {
      const response = await post(JSON.stringify(bareRequest(id)));
      tasks.push(((await response.json()) as { task: { task_id: string } }).task.task_id);
    }
  });

  /** Text in a path or query; what cannot be encoded is sent as it is. */
  const encoded = (part: string) => {
    try {
      return encodeURIComponent(part);
    } catch {
      return part;
    }
  };
  const anything = fc.oneof(
    text.map(encoded),
    fc.constantFrom('%00', '%ff', '%', '%2e%2e', 'NaN', '1e400', '-0', '1_000'),
  );
  const mostly = (...good: string[]) => fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...good) }, anything);

  /** Everything that a request could change without adding a row. */
  async function states(): Promise<unknown> {
    const { rows } = await stack.control.db.query(
      `SELECT (SELECT json_agg(json_build_array(id, status) ORDER BY id) FROM tasks) AS tasks,
              (SELECT json_agg(json_build_array(id, state, epoch) ORDER BY id) FROM databases) AS databases`,
    );
    return rows;
  }

  test('give no internal error, whatever identifiers and parameters they get, and a refusal stores nothing', async () => {
    const answered = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ROUTES),
        mostly('target-a', 'target-b', 'target-c', 'unheard-of'),
        fc.nat({ max: 3 }),
        anything,
        fc.array(fc.tuple(fc.constantFrom(...PARAMETERS), mostly(...GOOD)), { maxLength: 3 }),
        async ([method, route], id, which, wrong, parameters) => {
          const task = tasks[which] ?? wrong;
          const query = parameters.map(([name, given]) => `${name}=${given}`).join('&');
          const path = route.replace('{id}', () => id).replace('{task}', () => task);
          const before = [await rowCounts(stack), await states()] as const;
          const response = await stack.request(`${path}?${query}`, { method });
          answered.add(response.status);
          if (response.status === 200) return;
          await expectRefusal(stack, response, before[0]);
          expect(await states()).toEqual(before[1]);
        },
      ),
      { numRuns: 500 },
    );
    // Not all of it was turned away at the door.
    expect([...answered].sort()).toEqual(expect.arrayContaining([200, 400, 404, 409]));
  });
});
