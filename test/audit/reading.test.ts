import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTE_RULES } from '../../api/access/rules.ts';
import { insertAudit } from '../../store/audit.ts';
import { type AuditFilter, listAudit } from '../../store/audit-entries.ts';
import type { Queryable } from '../../store/connection.ts';
import { expectError } from '../api/support/answers.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;

const TASK = '019f6a00-0000-7000-8000-000000000001';
/** One row per filter that it alone satisfies. */
const ROWS = [
  { kind: 'intent', actor: 'alice', action: 'server.register', resource: 'server/host-1', tokenId: 'token-1' },
  { kind: 'outcome', actor: 'bob', action: 'server.delete', resource: 'server/host-10', outcome: 'completed' },
  { kind: 'reveal', actor: 'bob', action: 'role.password', resource: 'server/host-1/role/app', taskId: TASK },
  { kind: 'reveal', actor: 'bob', action: 'role.password', resource: 'server/host-1/role/app_ro', source: '10.1.2.3' },
  {
    kind: 'reveal',
    actor: 'bob',
    action: 'role.password',
    resource: 'server/host-1/role/app/ro',
    requestId: 'req-7-0001',
  },
  { kind: 'reveal', actor: 'bob', action: 'role.password', resource: 'server/host-1/role/appXro' },
  { kind: 'refusal', actor: 'bob', action: 'thing.make', resource: 'thing', outcome: 'refused' },
] as const;

beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  for (const row of ROWS) await insertAudit(stack.control.db, row);
});
afterAll(() => stack?.stop());

type Entry = Record<string, unknown> & { id: number };

async function entries(query: string): Promise<Entry[]> {
  const { status, body } = await stack.call('GET', `/v1/audit?${query}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.entries;
}

const resources = async (query: string) => (await entries(query)).map(({ resource }) => resource).sort();

describe('the log is filtered', () => {
  test.each<[query: string, resources: string[]]>([
    ['actor=alice', ['server/host-1']],
    ['token_id=token-1', ['server/host-1']],
    ['action=server.delete', ['server/host-10']],
    ['kind=refusal', ['thing']],
    ['outcome=refused', ['thing']],
    [`task_id=${TASK}`, ['server/host-1/role/app']],
    ['request_id=req-7-0001', ['server/host-1/role/app/ro']],
    ['resource=thing', ['thing']],
    ['resource=server/host-10', ['server/host-10']],
    ['resource=server/host-10/', ['server/host-10']],
    ['actor=bob&resource=server/host-1/role/app', ['server/host-1/role/app', 'server/host-1/role/app/ro']],
    ['resource=server/host-1/role/app_ro', ['server/host-1/role/app_ro']],
    ['resource=server/host-1/role/%25', []],
    ['resource=server/host-1/role', ROWS.slice(2, 6).map(({ resource }) => resource)],
    ['actor=alice&kind=reveal', []],
    ['actor=bob&to=2001-01-01T00:00:00Z', []],
    ['actor=alice&from=2001-01-01T00:00:00%2B02:00', ['server/host-1']],
    ['actor=alice&from=2901-01-01T00:00:00.123456Z', []],
  ])('%s', async (query, expected) => {
    expect(await resources(query)).toEqual([...expected].sort());
  });

  test('a resource is had with what is below it, and not with what only begins alike', async () => {
    const found = await resources('resource=server/host-1&limit=1000');
    expect(found).toEqual(expect.arrayContaining(['server/host-1', 'server/host-1/role/app']));
    expect(found).not.toContain('server/host-10');
    expect(await resources('resource=server&actor=bob')).toHaveLength(5);
  });

  test('by times to the microsecond, from inclusive and to exclusive', async () => {
    const [row] = await entries('actor=alice');
    const at = encodeURIComponent(String(row?.recorded_at));
    expect(row?.recorded_at).toMatch(/T\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(await entries(`actor=alice&from=${at}`)).toHaveLength(1);
    expect(await entries(`actor=alice&to=${at}`)).toHaveLength(0);
  });

  test('an entry has everything that was recorded, and no more', async () => {
    expect(await entries('request_id=req-7-0001')).toEqual([
      {
        id: expect.any(Number),
        recorded_at: expect.any(String),
        kind: 'reveal',
        actor: 'bob',
        request_id: 'req-7-0001',
        action: 'role.password',
        resource: 'server/host-1/role/app/ro',
        detail: {},
      },
    ]);
  });
});

describe('pages', () => {
  test('have every row once in both directions, also rows of one transaction', async () => {
    // All of one time.
    await stack.control.db.query(
      `INSERT INTO audit_log (kind, actor, action, resource) SELECT 'outcome', 'paged', 'a.b', 'c/' || n
       FROM generate_series(1, 25) n`,
    );
    for (const order of ['asc', 'desc']) {
      const seen: number[] = [];
      for (;;) {
        const after = seen.length === 0 ? '' : `&after_id=${seen.at(-1)}`;
        const page = await entries(`actor=paged&limit=7&sort_order=${order}${after}`);
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(7);
        seen.push(...page.map(({ id }) => id));
      }
      const sorted = [...seen].sort((a, b) => (order === 'asc' ? a - b : b - a));
      expect(seen).toEqual(sorted);
      expect(new Set(seen).size).toBe(25);
    }
  });

  test('are the newest hundred unless asked for otherwise', async () => {
    const page = await entries('');
    expect(page.map(({ recorded_at }) => recorded_at)).toEqual(
      page
        .map(({ recorded_at }) => recorded_at)
        .sort()
        .reverse(),
    );
  });
});

test.each([
  'after_id=0',
  'after_id=987654321',
  'after_id=99999999999999999999',
  'limit=0',
  'limit=1001',
  'kind=everything',
  'outcome=none',
  'task_id=17',
  'from=yesterday',
  'from=0000-01-01T00:00:00Z',
  'to=2026-02-30T00:00:00Z',
  'actor=%00',
  'actor=',
  'resource=/',
  `resource=${'a'.repeat(301)}`,
  'sort_order=sideways',
])('%s is refused, and never an internal error', async (query) => {
  for (const path of ['/v1/audit', '/v1/audit/export']) {
    if (path.endsWith('export') && /limit|after_id|sort_order/.test(query)) continue;
    const { status } = await stack.call('GET', `${path}?${query}`);
    expect([path, status]).toEqual([path, 400]);
  }
});

test('administrators and auditors without a scope may read the log, and nobody else', () => {
  for (const route of ['GET /v1/audit', 'GET /v1/audit/export']) {
    expect(ROUTE_RULES[route]).toEqual({ roles: ['admin', 'auditor'], subject: 'installation' });
  }
});

test('a change of what stands in the log is told to be not possible by its methods', async () => {
  expectError(await stack.call('DELETE', '/v1/audit'), 405, 'method_not_allowed');
});

describe('a page is read from an index, however many rows there are:', () => {
  let client: pg.PoolClient;

  /** A long log, in a transaction that is taken back. */
  beforeAll(async () => {
    client = await stack.control.db.connect();
    await client.query('BEGIN');
    await client.query('ALTER TABLE audit_log DISABLE TRIGGER audit_log_unsealed');
    await client.query(
      `INSERT INTO audit_log (recorded_at, kind, actor, token_id, request_id, action, resource, task_id, outcome)
       SELECT now() - make_interval(secs => 60000 - n),
         CASE WHEN n % 200 = 0 THEN 'reveal' WHEN n % 99 = 0 THEN 'refusal' WHEN n % 2 = 0 THEN 'intent' ELSE 'outcome' END,
         'account-' || n % 300, 'token-' || n % 500, 'request-' || n, 'thing.action-' || n % 200,
         (ARRAY['database', 'server', 'account', 'token'])[1 + n % 4] || '/' || n % 700
           || CASE WHEN n % 500 = 0 THEN '/role/' || n ELSE '' END,
         gen_random_uuid(), CASE WHEN n % 99 = 0 THEN 'refused' WHEN n % 2 = 1 THEN 'completed' END
       FROM generate_series(1, 60000) n`,
    );
    await client.query('ANALYZE audit_log');
  });
  afterAll(async () => {
    await client.query('ROLLBACK');
    client.release();
  });

  /** How PostgreSQL carries out a page, and how many rows a part of that gives or passes by. */
  async function planOf(filter: AuditFilter, order: 'asc' | 'desc', middle: boolean) {
    const plans: string[] = [];
    const explaining = {
      async query(text: string, values: unknown[]) {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, TIMING OFF) ${text}`, values);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return { rows: [] };
      },
    } as unknown as Queryable;
    const { rows } = await client.query<{ recordedAt: string; id: number }>(
      `SELECT recorded_at::text AS "recordedAt", id FROM audit_log WHERE actor = 'account-7' ORDER BY recorded_at OFFSET 100 LIMIT 1`,
    );
    await listAudit(explaining, { filter, order, limit: 50, ...(middle ? { after: rows[0] } : {}) });
    const plan = plans.join('\n');
    const counts = [...plan.matchAll(/(?:Removed by Filter: |actual rows=)(\d+)/g)].map(([, count]) => Number(count));
    return { plan, looked: Math.max(...counts) };
  }

  const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();

  test.each<[string, AuditFilter, index: string]>([
    ['everything', {}, 'audit_log_time'],
    ['up to a time', { to: HOUR_AGO }, 'audit_log_time'],
    ['of an actor', { actor: 'account-7' }, 'audit_log_actor'],
    ['of an actor, up to a time', { actor: 'account-7', to: HOUR_AGO }, 'audit_log_actor'],
    ['with a token', { tokenId: 'token-7' }, 'audit_log_token'],
    ['of an action', { action: 'thing.action-7' }, 'audit_log_action'],
    ['of a kind of resource', { resource: 'server' }, 'audit_log_(resource_kind|time)'],
    ['of a kind of resource that is not there', { resource: 'cluster' }, 'audit_log_resource_kind'],
    ['of a resource', { resource: 'server/1' }, 'audit_log_resource'],
    ['of a task', { taskId: TASK }, 'audit_log_task'],
    ['of a request', { requestId: 'request-77' }, 'audit_log_request'],
    ['of a common kind', { kind: 'outcome' }, 'audit_log_time'],
    ['of a rare kind', { kind: 'reveal' }, 'audit_log_rare_kind'],
    ['of a common outcome', { outcome: 'completed' }, 'audit_log_time'],
    ['of a rare outcome', { outcome: 'failed' }, 'audit_log_rare_outcome'],
  ])('%s', async (_name, filter, index) => {
    for (const order of ['asc', 'desc'] as const) {
      for (const middle of [false, true]) {
        const { plan, looked } = await planOf(filter, order, middle);
        // A handful of rows may be had through a bitmap and sorted.
        expect(plan).toMatch(new RegExp(`(using|on) ${index} `));
        expect(plan).not.toMatch(/Seq Scan/);
        expect(looked, plan).toBeLessThan(1_000);
      }
    }
  });

  test('of something below a resource: few rows, by an index of their own', async () => {
    const { plan, looked } = await planOf({ resource: 'database/100/role/6000' }, 'desc', false);
    expect(plan).toMatch(/audit_log_(deep_)?resource/);
    expect(looked, plan).toBeLessThan(1_000);
  });
});
