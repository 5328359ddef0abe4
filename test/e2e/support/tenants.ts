import { create } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';

/** A user as a specification lists it. */
export interface UserRequest {
  username: string;
  password?: string;
  db_owner?: boolean;
  attributes?: string[];
  roles?: string[];
  adopt?: boolean;
}

/** A database of one tenant. Without a port it has no service, which is quicker. */
export function tenantRequest(options: {
  id: string;
  users: UserRequest[];
  port?: number;
  /** Whom the service logs in as; the first user unless given. */
  connectAs?: string;
  config?: Record<string, unknown>;
  scripts?: { post_init?: string[]; post_database_create?: string[] };
}) {
  const { id, users, port, scripts } = options;
  return {
    id,
    spec: {
      database_name: id,
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: users,
      ...(scripts === undefined ? {} : { scripts }),
      ...(port === undefined
        ? {}
        : {
            services: [
              {
                service_id: 'api',
                service_type: 'postgrest',
                version: 'latest',
                host_ids: ['host-1'],
                port,
                connect_as: options.connectAs ?? users[0]?.username,
                config: { db_pool: 1, ...options.config },
              },
            ],
          }),
    },
  };
}

/** A user that owns the database and can log in. */
export function owner(username: string, more: Partial<UserRequest> = {}): UserRequest {
  return { username, password: 'changeme', db_owner: true, attributes: ['LOGIN'], ...more };
}

/** Creates a database that must succeed; a failure is shown with its reason. */
export async function provision(stack: TestStack, request: { id: string }): Promise<void> {
  const task = await create(stack, request);
  if (task.status !== 'completed') throw new Error(`${request.id} ${task.status}: ${task.error}`);
}

/** All that a task logged, as one text. */
export async function taskLog(stack: TestStack, databaseId: string): Promise<string> {
  const { body: list } = await stack.call('GET', `/v1/databases/${databaseId}/tasks`);
  const logs = await Promise.all(
    list.tasks.map((task: { task_id: string }) =>
      stack.call('GET', `/v1/databases/${databaseId}/tasks/${task.task_id}/log`),
    ),
  );
  return logs.flatMap(({ body }) => body.entries.map((entry: { message: string }) => entry.message)).join('\n');
}

/** How a role may log in, and whether it has a password; undefined where there is no such role. */
export async function loginOf(
  stack: TestStack,
  role: string,
): Promise<{ canLogin: boolean; hasPassword: boolean } | undefined> {
  const rows = await stack.target.query<{ canLogin: boolean; hasPassword: boolean }>(
    `SELECT rolcanlogin AS "canLogin", rolpassword IS NOT NULL AS "hasPassword" FROM pg_authid WHERE rolname = '${role}'`,
  );
  return rows[0];
}
