import { readdir } from 'node:fs/promises';
import { expect } from 'vitest';
import { servicesDirectory } from '../../../activities/host/instance-records.ts';
import { rest } from '../../e2e/support/rest.ts';
import { taskEnded } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';
import { type Member, rolesOf, shopService, shopSpec } from '../../update/support/shop.ts';
import type { AcceptedTask } from './outcome.ts';

/** What the anonymous answers of a shop's service tell of its state. */
const ROWS = { before: 1, after: 2 } as const;

/**
 * A shop before an update: a service that is to be changed (its password too) and one that is to go. Ports are of the control
 * plane's choice.
 */
export function beforeUpdate(id: string, config: Member = {}): Member {
  const { clerk } = rolesOf(id);
  return shopSpec(id, 0, {
    users: [{ username: clerk, password: 'changeme', attributes: ['LOGIN'] }],
    services: [service(id, 'api', { max_rows: ROWS.before, ...config }), service(id, 'old')],
  });
}

/** The update that goes through every step. */
export function everyChange(id: string): Member {
  const { clerk, reader, owner } = rolesOf(id);
  const spec = shopSpec(id, 0, {
    users: [
      { username: clerk, attributes: ['LOGIN', 'CREATEDB'], roles: [reader] },
      { username: `${id}_fresh`, password: 'changeme', attributes: ['LOGIN'] },
    ],
    services: [
      service(id, 'api', { max_rows: ROWS.after, db_schemas: 'public,extra', db_anon_role: reader, db_pool: 1 }),
      service(id, 'new', {}, clerk),
    ],
    spec: { drop_removed_users: true },
  });
  const users = spec.database_users as Member[];
  return { ...spec, database_users: users.map((user) => ({ ...user, ...(user.username === owner ? changed : {}) })) };
}

const changed = { password: 'changed-by-the-update' };

function service(id: string, serviceId: string, config: Member = {}, connectAs = rolesOf(id).owner): Member {
  const made = shopService(id, 0, { config: { db_pool: 2, ...config }, connect_as: connectAs });
  return { ...made, service_id: serviceId };
}

/** Creates the shop; it must succeed. */
export async function createShop(stack: TestStack, id: string): Promise<void> {
  const { status, body } = await stack.call('POST', '/v1/databases', { id, spec: beforeUpdate(id) });
  if (status !== 200) throw new Error(`create was refused: ${status} ${body.message}`);
  const task = await taskEnded(stack, body.task);
  if (task.status !== 'completed') throw new Error(`${id}: ${task.error}`);
}

export async function acceptUpdate(stack: TestStack, id: string): Promise<AcceptedTask> {
  const { status, body } = await stack.call('POST', `/v1/databases/${id}`, { spec: everyChange(id) });
  if (status !== 200) throw new Error(`the update was refused: ${status} ${body.message}`);
  const { task_id, database_id } = body.task;
  return { task_id, database_id, workflowId: `update-database/${database_id}/${task_id}` };
}

/** Everything that an update can change, as far as it is the same after an undo: times, process ids and salts are not. */
export async function stateOf(stack: TestStack, id: string) {
  const server = (sql: string, database = 'postgres') => stack.target.query<Record<string, unknown>>(sql, { database });
  const metadata = async (sql: string) => (await stack.control.db.query(sql, [id])).rows;
  const { body } = await stack.call('GET', `/v1/databases/${id}`);
  const files = await readdir(servicesDirectory(stack.config.host.dataDir));
  return {
    spec: body.spec,
    services: body.service_instances.map((instance: Record<string, never>) => ({
      id: instance.service_instance_id,
      created: instance.created_at,
      state: instance.state,
      ports: (instance.status as { ports?: unknown } | undefined)?.ports,
    })),
    roles: await server(`SELECT rolname, rolcreatedb, rolinherit, rolcanlogin, rolpassword IS NULL AS without
      FROM pg_authid WHERE rolname LIKE '${id}\\_%' ORDER BY 1`),
    memberships: await server(`SELECT r.rolname AS role, g.rolname AS member FROM pg_auth_members m
      JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.member
      WHERE g.rolname LIKE '${id}\\_%' ORDER BY 1, 2`),
    database: await server(
      `SELECT pg_get_userbyid(datdba) AS owner, datacl::text FROM pg_database WHERE datname = '${id}'`,
    ),
    schemas: await server(`SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1`, id),
    ports: await metadata('SELECT port FROM ports WHERE database_id = $1 ORDER BY port'),
    credentials: await metadata('SELECT role_name, version FROM credentials WHERE database_id = $1 ORDER BY 1'),
    secrets: await metadata(`SELECT id, version FROM secrets WHERE owner = 'database/' || $1 ORDER BY 1, 2`),
    granted: await metadata(
      'SELECT role_name, member_name FROM granted_memberships WHERE database_id = $1 ORDER BY 1, 2',
    ),
    tombstones: await metadata('SELECT instance_id FROM tombstones WHERE database_id = $1'),
    files: files.filter((name) => name.startsWith(`${id}-`)).sort(),
  };
}

/** The services of before answer as before, under the password of before. */
export async function expectBefore(stack: TestStack, id: string): Promise<void> {
  expect(await rowsOf(stack, id, 'api')).toBe(ROWS.before);
  expect(await rowsOf(stack, id, 'old')).toBe(3);
  await expectLogin(stack, id, 'changeme');
}

/** The update is in effect, and what it removed is gone. */
export async function expectAfter(stack: TestStack, id: string): Promise<void> {
  expect(await rowsOf(stack, id, 'api')).toBe(ROWS.after);
  expect(await rowsOf(stack, id, 'new')).toBe(3);
  await expectLogin(stack, id, changed.password);
  const state = await stateOf(stack, id);
  expect(state.services.map(({ id: instance }: { id: string }) => instance)).toEqual([
    `${id}-api-host-1`,
    `${id}-new-host-1`,
  ]);
  expect(state.ports).toHaveLength(4);
  expect(state.files.filter((name) => name.includes('-old-'))).toEqual([]);
  expect(state.granted).toEqual(
    [
      { role_name: rolesOf(id).reader, member_name: rolesOf(id).owner },
      { role_name: 'pgedge_application_read_only', member_name: rolesOf(id).clerk },
    ].sort((a, b) => (a.role_name < b.role_name ? -1 : 1)),
  );
}

async function rowsOf(stack: TestStack, id: string, serviceId: string): Promise<number> {
  const { body } = await stack.call('GET', `/v1/databases/${id}`);
  const found = body.service_instances.find((instance: { service_id: string }) => instance.service_id === serviceId);
  const answer = await rest(found.status.ports[0].host_port, '/items');
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.length;
}

async function expectLogin(stack: TestStack, id: string, password: string): Promise<void> {
  const login = { database: id, user: rolesOf(id).owner, password };
  expect(await stack.target.query('SELECT 1 AS one', login)).toEqual([{ one: 1 }]);
}
