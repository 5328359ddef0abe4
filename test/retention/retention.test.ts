/** What is old goes, in small batches; what is in use stays, however old it is. */
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeExpired } from '../../activities/control/retention/remove-expired.ts';
import { CONTROL_TASK_QUEUE } from '../../domain/identifiers.ts';
import { RETENTION_RULE_NAMES, type RetentionRuleName } from '../../domain/retention/rules.ts';
import { insertDatabase } from '../../store/databases.ts';
import { TASK_REFERENCES } from '../../store/retention.ts';
import { makePerson } from '../support/accounts.ts';
import { until } from '../support/follow.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const DAY_MS = 86_400_000;
/** Days of each rule in this file. */
const KEEP = { logs: 10, tasks: 30, receipts: 60, deliveries: 5, audit: null } as const;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({
    runtime: 'process',
    env: {
      PGSTEWARD_KEEP_LOGS_DAYS: String(KEEP.logs),
      PGSTEWARD_KEEP_TASKS_DAYS: String(KEEP.tasks),
      PGSTEWARD_KEEP_RECEIPTS_DAYS: String(KEEP.receipts),
      PGSTEWARD_KEEP_DELIVERIES_DAYS: String(KEEP.deliveries),
    },
  });
});
afterAll(() => stack?.stop());

const query = (sql: string, values: unknown[] = []) => stack.control.db.query(sql, values);

interface OldTask {
  days: number;
  entityId?: string;
  scope?: 'database' | 'server';
  type?: string;
  status?: string;
}

/** A task that was accepted, and has ended, some days ago; with two lines of its log and a step. */
async function oldTask({
  days,
  entityId = 'gone',
  scope = 'database',
  type = 'create',
  status = 'completed',
}: OldTask) {
  const at = Date.now() - days * DAY_MS;
  const id = uuidv7({ msecs: at });
  const ended = ['completed', 'failed', 'canceled'].includes(status) ? new Date(at + 1000) : null;
  await query(
    `INSERT INTO tasks (id, scope, entity_id, database_id, type, status, epoch, workflow_type, workflow_id, actor, created_at, started_at,
       completed_at)
     VALUES ($1::uuid, $2, $3, $8, $4, $5, 1, 'none', $1::uuid::text, 'test', $6, $6, $7)`,
    [id, scope, entityId, type, status, new Date(at), ended, scope === 'database' ? entityId : null],
  );
  await query(
    `INSERT INTO task_log (id, task_id, logged_at, message) SELECT id, $1, $2, 'a line' FROM unnest($3::uuid[]) AS id`,
    [id, new Date(at), [uuidv7({ msecs: at }), uuidv7({ msecs: at + 1 })]],
  );
  await query(`INSERT INTO task_steps (task_id, ordinal, step, state) VALUES ($1, 1, 'createRoles', 'done')`, [id]);
  if (scope === 'server') await query(`INSERT INTO access_requests (task_id, document) VALUES ($1, '{}')`, [id]);
  return id;
}

async function isThere(id: string): Promise<boolean> {
  const { rows } = await query('SELECT FROM tasks WHERE id = $1', [id]);
  return rows.length > 0;
}

async function linesOf(id: string): Promise<number> {
  const { rows } = await query('SELECT count(*) AS lines FROM task_log WHERE task_id = $1', [id]);
  return rows[0].lines;
}

let runs = 0;
/** One run of the workflow, as the schedule starts it. */
function run(): Promise<Partial<Record<RetentionRuleName, number>>> {
  runs += 1;
  return stack.temporal.client.workflow.execute('applyRetention', {
    workflowId: `applyRetention/${runs}`,
    taskQueue: CONTROL_TASK_QUEUE,
  });
}

async function look() {
  const { status, body } = await stack.call('GET', '/v1/retention');
  expect(status).toBe(200);
  return Object.fromEntries(body.rules.map((rule: { rule: string }) => [rule.rule, rule]));
}

test('each rule removes what is older than its days and nothing younger, as the look before has said', async () => {
  const old = await oldTask({ days: KEEP.tasks + 1 });
  const young = await oldTask({ days: KEEP.tasks - 1 });
  const younger = await oldTask({ days: KEEP.logs - 1 });
  const oldReceipt = await oldTask({ days: KEEP.receipts + 1, scope: 'server', type: 'drop_role' });
  const receipt = await oldTask({ days: KEEP.receipts - 1, scope: 'server', type: 'drop_role' });
  const delivery = (days: number, state: string) => {
    const at = new Date(Date.now() - days * DAY_MS);
    const id = uuidv7({ msecs: at.getTime() });
    return query(
      `INSERT INTO notification_deliveries (id, channel_id, channel_name, facts, state, created_at, sent_at)
       VALUES ($1, $1, 'c', '{}', $2, $3, $3)`,
      [id, state, at],
    );
  };
  for (const state of ['sent', 'failed', 'pending']) await delivery(KEEP.deliveries + 1, state);
  await delivery(KEEP.deliveries - 1, 'sent');
  const before = await look();
  expect(before.tasks).toMatchObject({
    keep_days: KEEP.tasks,
    setting: 'PGSTEWARD_KEEP_TASKS_DAYS',
    due: 1,
    last_run_at: null,
    removed: 0,
  });
  expect([before.logs.due, before.receipts.due, before.deliveries.due, before.audit.due]).toEqual([8, 1, 2, 0]);
  expect(before.audit.keep_days).toBeNull();
  expect(await isThere(old)).toBe(true);

  expect(await run()).toEqual({ logs: 8, tasks: 1, receipts: 1, deliveries: 2, audit: 0 });

  expect(await Promise.all([old, young, younger, oldReceipt, receipt].map(isThere))).toEqual([
    false,
    true,
    true,
    false,
    true,
  ]);
  expect(await Promise.all([young, younger].map(linesOf))).toEqual([0, 2]);
  const { rows } = await query('SELECT state FROM notification_deliveries ORDER BY state');
  expect(rows.map(({ state }) => state)).toEqual(['pending', 'sent']);
  const after = await look();
  expect(after.tasks).toMatchObject({ due: 0, last_run_at: expect.any(String), last_removed: 1, removed: 1 });
  expect(after.audit).toMatchObject({ last_run_at: null });
  expect(await stack.log()).toMatch(/"rule":"tasks","days":30,"removed":1,.*removed what is no longer kept/);
  await run();
  expect((await look()).tasks).toMatchObject({ last_removed: 0, removed: 1 });
});

describe('stays, however old it is:', () => {
  test('a task that is open, with its log', async () => {
    // As one whose run waits for a server that is down: the reconciler is kept away by a run of its own.
    const open = await oldTask({
      days: 400,
      status: 'pending',
      scope: 'server',
      type: 'change_role',
      entityId: 'nowhere',
    });
    await query(`UPDATE tasks SET workflow_type = 'none' WHERE id = $1`, [open]);
    await run();
    expect([await isThere(open), await linesOf(open)]).toEqual([true, 2]);
  });

  test('the last task of a database that is there, and not that of one that is gone', async () => {
    const spec = { database_name: 'shop', nodes: [{ name: 'n1', host_ids: ['host-1'] }] };
    await insertDatabase(stack.control.db, { id: 'kept', tenantId: undefined, databaseName: 'shop', spec });
    const ids = [];
    for (const [entityId, days] of [
      ['kept', 90],
      ['kept', 80],
      ['gone', 90],
      ['gone', 80],
    ] as const) {
      ids.push(await oldTask({ days, entityId }));
    }
    await run();
    expect(await Promise.all(ids.map(isThere))).toEqual([false, true, false, false]);
  });

  test.each(TASK_REFERENCES)('a task that %s.%s names', async (table, column) => {
    const id = await oldTask({ days: 400 });
    const fill: Record<string, [sql: string, values: unknown[]]> = {
      handovers: [
        `INSERT INTO handovers (id, token_hash, task_id, server_name, role_name, environment, database_name, actor, expires_at)
         VALUES ($1, $2, $1, 'host-1', 'r', 'e', 'd', 'a', now() + interval '1 hour')`,
        [id, Buffer.from(id)],
      ],
      cluster_roles: [
        `INSERT INTO cluster_roles (id, cluster_id, server_name, name, flavor, state, changing_task)
         VALUES ($1, $1, 'host-1', 'r', 'read', 'ready', $1)`,
        [id],
      ],
      tombstones: [
        `INSERT INTO tombstones (host_id, instance_id, database_id, task_id, epoch) VALUES ('host-1', 'i', 'd', $1, 1)`,
        [id],
      ],
      granted_memberships: [
        `INSERT INTO granted_memberships (database_id, server_name, role_name, member_name, task_id)
         VALUES ('kept', 'host-1', 'r', 'm', $1)`,
        [id],
      ],
    };
    fill.managed_documents = [
      `INSERT INTO managed_documents (server_name, source, document, task_id, actor) VALUES ('host-1', 'applied', '{}', $1, 'a')`,
      [id],
    ];
    const [sql, values] = fill[table] ?? ['', []];
    await query(sql, values);
    await run();
    expect(await isThere(id)).toBe(true);
    await query(`DELETE FROM ${table} WHERE ${column} = $1`, [id]);
    await run();
    expect(await isThere(id)).toBe(false);
  });
});

test('every column that could name a task is known to retention, or goes with its task, or is a record of what was', async () => {
  const { rows } = await query(
    `SELECT c.table_name || '.' || c.column_name AS name FROM information_schema.columns c
     WHERE c.table_schema = 'public' AND c.data_type = 'uuid' AND c.column_name ~ 'task'
       AND NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
         WHERE k.contype = 'f' AND k.confrelid IN ('tasks'::regclass, 'approvals'::regclass) AND k.confdeltype = 'c'
           AND k.conrelid = c.table_name::regclass AND a.attname = c.column_name)`,
  );
  const RECORDS = [
    'audit_log.task_id',
    'drift_findings.task_id',
    'jwt_rotations.closing_task',
    'jwt_rotations.opening_task',
    'leases.drop_task',
    'leases.issue_task',
    'rotation_runs.task_id',
  ];
  const known = [...TASK_REFERENCES.map(([table, column]) => `${table}.${column}`), ...RECORDS];
  expect(rows.map(({ name }) => name).sort()).toEqual(known.sort());
});

test('much is removed batch by batch, within one run up to a bound, and the next run goes on', async () => {
  const at = Date.now() - 50 * DAY_MS;
  const ids = Array.from({ length: 4_500 }, () => uuidv7({ msecs: at }));
  await query(
    `INSERT INTO tasks (id, scope, entity_id, type, status, epoch, workflow_type, workflow_id, actor, created_at, completed_at, batch_id)
     SELECT id, 'server', 'host-1', 'change_role', 'completed', 0, 'none', id::text, 'test', $2, $2, $3 FROM unnest($1::uuid[]) AS id`,
    [ids, new Date(at), ids[0]],
  );
  await query(
    `INSERT INTO batches (id, server_name, lane, state, workflow_id, created_at, closed_at)
     VALUES ($1, 'host-1', 'single', 'closed', 'x', $2, $2)`,
    [ids[0], new Date(at)],
  );
  expect((await look()).tasks.due).toBe(4_500);
  expect((await run()).tasks).toBe(4_500);
  const batches = (await stack.log()).match(/"rule":"tasks","days":30,"removed":(2000|500),/g);
  expect(batches).toHaveLength(3);
  expect((await query('SELECT FROM batches WHERE id = $1', [ids[0]])).rowCount).toBe(0);
  expect((await look()).tasks.last_removed).toBe(4_500);
});

test('two workers that remove at the same time remove each row once, and a step that is repeated finds what is left', async () => {
  for (let n = 0; n < 6; n += 1) await oldTask({ days: 45 });
  const deps = { ...stack.control, retention: stack.config.retention.days, log: stack.api.log } as never;
  const results = await Promise.all([1, 2].map((n) => removeExpired(deps, { rule: 'tasks', runId: `direct-${n}` })));
  const again = await removeExpired(deps, { rule: 'tasks', runId: 'direct-3' });
  expect([...results, again].reduce((sum, { removed }) => sum + removed, 0)).toBe(6);
});

test('a schedule starts it, and nobody but an administrator sees it', async () => {
  const schedule = stack.temporal.client.schedule.getHandle('pgsteward-retention');
  const { action } = await until(() => schedule.describe());
  expect(action).toMatchObject({ workflowType: 'applyRetention' });
  for (const role of ['operator', 'auditor', 'member'] as const) {
    const person = await makePerson(stack, { role, name: `retention.${role}` });
    expect((await stack.as(person.credentials).call('GET', '/v1/retention')).status).toBe(403);
  }
  const { body } = await stack.call('GET', '/v1/retention');
  expect(body.rules.map(({ rule }: { rule: string }) => rule)).toEqual(RETENTION_RULE_NAMES);
  expect(body.fixed).not.toHaveLength(0);
});
