import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Queryable } from '../../store/connection.ts';
import { listDatabases } from '../../store/databases.ts';
import { listTasks } from '../../store/tasks.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let client: pg.PoolClient;

/** Far more than a page, most of them tasks of servers, in a transaction that is taken back. */
beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
  client = await stack.control.db.connect();
  await client.query('BEGIN');
  await client.query(
    `INSERT INTO databases (id, database_name, spec, state)
     SELECT 'filled-' || n, 'filled', jsonb_build_object('nodes', '[]'::jsonb, 'text', repeat(md5(n::text), 200)), 'available'
     FROM generate_series(1, 5000) n`,
  );
  await client.query(
    `INSERT INTO tasks (id, scope, entity_id, type, status, epoch, workflow_type, workflow_id, actor)
     SELECT gen_random_uuid(), CASE n % 10 WHEN 0 THEN 'database' ELSE 'server' END, 'entity-' || n % 500, 'create',
            'completed', 1, 'none', n::text, 'test' FROM generate_series(1, 20000) n`,
  );
  await client.query('ANALYZE databases, tasks');
});
afterAll(async () => {
  await client.query('ROLLBACK');
  client.release();
  await stack.stop();
});

/** How PostgreSQL would carry out the one query that `list` makes. */
async function planOf(list: (db: Queryable) => Promise<unknown>): Promise<string> {
  const plans: string[] = [];
  const explaining = {
    async query(text: string, values: unknown[]) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (VERBOSE) ${text}`, values);
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      return { rows: [] };
    },
  } as unknown as Queryable;
  await list(explaining);
  expect(plans).toHaveLength(1);
  return plans[0] ?? '';
}

const page = { order: 'desc', limit: 100 } as const;
const AFTER = '80000000-0000-4000-8000-000000000000';

test.each<[string, string, (db: Queryable) => Promise<unknown>]>([
  ['databases, the first', 'databases_pkey', (db) => listDatabases(db, { limit: 100 })],
  ['databases, one in the middle', 'databases_pkey', (db) => listDatabases(db, { limit: 100, afterId: 'filled-3000' })],
  ['all tasks, the newest', 'tasks_databases_and_hosts', (db) => listTasks(db, page)],
  [
    'all tasks, oldest first, from the middle',
    'tasks_databases_and_hosts',
    (db) => listTasks(db, { ...page, order: 'asc', afterTaskId: AFTER }),
  ],
  [
    'tasks of one database',
    'tasks_entity',
    (db) => listTasks(db, { ...page, filter: { scope: 'database', entityId: 'entity-10' } }),
  ],
  [
    'tasks of one server',
    'tasks_entity',
    (db) => listTasks(db, { ...page, filter: { scope: 'server', entityId: 'entity-11' } }),
  ],
])('a page is one query in the order of an index, however many rows there are: %s', async (_name, index, list) => {
  const plan = await planOf(list);
  expect(plan).toContain(index);
  expect(plan).not.toMatch(/Seq Scan|Sort/);
  expect(plan, 'specifications are not read').not.toMatch(/\bspec\b/);
});
