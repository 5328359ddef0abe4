/** Requests that come at the same time are put on record by one statement, and stand and fall by themselves all the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AcceptedRequest, insertRequest, newTaskId } from '../../../store/accepted-requests.ts';
import { NOTE_ROLES, noteRoles, roleNoteValues } from '../../../store/credentials.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

const SERVER = 'host-1';
const MANY = 30;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ runtime: 'process', workers: false });
});
afterAll(() => stack?.stop());

function requestFor(role: string, more: Partial<AcceptedRequest> = {}): AcceptedRequest {
  const taskId = newTaskId();
  const secret = { id: `task/${taskId}/role/${role}`, owner: `task/${taskId}`, version: 1, keyId: 'a key' };
  return {
    ...{ taskId, serverName: SERVER, type: 'change_role', requestHash: `hash of ${role}`, planHash: null, options: {} },
    document: { roles: [{ name: role }] },
    secrets: [{ ...secret, sealed: Buffer.from(`sealed for ${role}`) }],
    audit: { actor: 'test', detail: { role } },
    ...more,
  };
}

const manyOf = (name: string) => Array.from({ length: MANY }, (_, index) => requestFor(`${name}_${index}`));

/** What is on record of requests, in the order of their names. */
async function recordsOf(requests: readonly AcceptedRequest[]) {
  const { rows } = await stack.control.db.query<{ transaction: string }>(
    `SELECT t.xmin::text AS transaction, r.document -> 'roles' -> 0 ->> 'name' AS role, t.request_hash AS hash, t.status,
       convert_from(s.sealed, 'UTF8') AS sealed, a.kind, a.detail ->> 'role' AS audited
     FROM tasks t JOIN access_requests r ON r.task_id = t.id JOIN secrets s ON s.owner = 'task/' || t.id
       JOIN audit_log a ON a.task_id = t.id
     WHERE t.id = ANY ($1::uuid[]) ORDER BY t.id`,
    [requests.map(({ taskId }) => taskId)],
  );
  return rows;
}

const recordOf = (role: string) => ({
  ...{ role, hash: `hash of ${role}`, status: 'pending', sealed: `sealed for ${role}`, kind: 'intent', audited: role },
});

test('requests that come at once share transactions, each with its password and its audit row', async () => {
  const requests = manyOf('together');
  const known = await Promise.all(requests.map((request) => insertRequest(stack.control.db, request)));
  expect(known).toEqual(requests.map(() => true));
  const records = await recordsOf(requests);
  expect(records.map(({ transaction: _, ...record }) => record)).toEqual(
    requests.map((_, index) => recordOf(`together_${index}`)),
  );
  // The first one waits for nobody; the others are recorded when it is.
  expect(new Set(records.map(({ transaction }) => transaction)).size).toBe(2);
});

test('one that cannot be recorded, and one for a server that is not there, harm no other', async () => {
  const fine = manyOf('beside');
  const unknown = requestFor('nowhere', { serverName: 'no-such-server' });
  const unstorable = requestFor('bad', { document: { roles: [{ name: 'with a \0' }] } });
  const requests = [...fine.slice(0, 10), unknown, unstorable, ...fine.slice(10)];
  const results = await Promise.allSettled(requests.map((request) => insertRequest(stack.control.db, request)));
  const outcomes = new Map(requests.map((request, index) => [request, results[index]]));
  expect(outcomes.get(unknown)).toEqual({ status: 'fulfilled', value: false });
  expect(outcomes.get(unstorable)).toMatchObject({ status: 'rejected', reason: { code: '22P05' } });
  expect(fine.map((request) => outcomes.get(request))).toEqual(fine.map(() => ({ status: 'fulfilled', value: true })));
  expect(await recordsOf(requests)).toHaveLength(MANY);
});

test('what was done to many roles is noted at one look at each of them', async () => {
  const { db } = stack.control;
  const roles = manyOf('noted').map((_, index) => ({
    roleName: `noted_${index}`,
    oid: 20_000 + index,
    disabled: true,
  }));
  await noteRoles(db, { serverName: SERVER, roles });
  const enabled = roles.map((role) => ({ ...role, disabled: false }));
  // The second time, every one of them is there already.
  const { rows } = await db.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) ${NOTE_ROLES(1)}`,
    roleNoteValues({ serverName: SERVER, roles: enabled }),
  );
  const nodes = nodesOf(rows[0]?.['QUERY PLAN'][0]?.Plan);
  expect(nodes.map((node) => node['Node Type'])).toContain('Function Scan');
  for (const node of nodes) expect(node).toMatchObject({ 'Actual Loops': 1 });
  const left = await db.query(`SELECT FROM credentials WHERE role_name LIKE 'noted%' AND disabled_at IS NULL`);
  expect(left.rows).toHaveLength(MANY);
});

interface PlanNode {
  'Node Type': string;
  'Actual Loops': number;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode | undefined): PlanNode[] {
  return node === undefined ? [] : [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
