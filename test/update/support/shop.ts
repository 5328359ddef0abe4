import { expect } from 'vitest';
import { signToken } from '../../e2e/support/rest.ts';
import { taskEnded } from '../../support/follow.ts';
import type { TestStack } from '../../support/stack.ts';

export const JWT_SECRET = 'a-secret-key-of-at-least-32-characters';

/** A user, service or other member of a specification, as tests replace it. */
export type Member = Record<string, unknown>;

/** Parts of {@link shopSpec} that a test replaces. */
export interface ShopParts {
  users?: Member[];
  services?: Member[];
  spec?: Member;
}

/** Names of a shop's roles: the owner logs in for the service, `reader` is a group made by the script. */
export const rolesOf = (id: string) => ({ owner: `${id}_app`, reader: `${id}_reader`, clerk: `${id}_clerk` });

/** A service of a shop. */
export function shopService(
  id: string,
  port: number,
  more: { config?: Member; [member: string]: unknown } = {},
): Member {
  const { config, ...members } = more;
  return {
    service_id: 'api',
    service_type: 'postgrest',
    version: 'latest',
    host_ids: ['host-1'],
    port,
    connect_as: rolesOf(id).owner,
    config: { db_pool: 2, jwt_secret: JWT_SECRET, ...config },
    ...members,
  };
}

/** Specification of a shop: tables in two schemas, a group that may read them, one service. */
export function shopSpec(id: string, port: number, parts: ShopParts = {}): Member {
  const { owner, reader } = rolesOf(id);
  return {
    database_name: id,
    nodes: [{ name: 'n1', host_ids: ['host-1'] }],
    database_users: [
      { username: owner, password: 'changeme', db_owner: true, attributes: ['LOGIN'] },
      ...(parts.users ?? []),
    ],
    scripts: {
      post_init: [`CREATE ROLE ${reader} NOLOGIN`],
      post_database_create: [
        'CREATE TABLE public.items (id int)',
        'INSERT INTO public.items SELECT generate_series(1, 3)',
        'CREATE SCHEMA extra',
        'CREATE TABLE extra.notes (id int)',
        `GRANT USAGE ON SCHEMA public, extra TO ${reader}`,
        `GRANT SELECT ON public.items, extra.notes TO ${reader}`,
      ],
    },
    services: parts.services ?? [shopService(id, port)],
    ...parts.spec,
  };
}

/** A token under which the probe reads and writes. */
export function shopToken(id: string): string {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return signToken({ role: rolesOf(id).owner, exp }, JWT_SECRET);
}

/** How a task ended. */
export interface EndedUpdate {
  task_id: string;
  status: string;
  error?: string;
}

/** Posts an update and waits for its end. */
export async function update(stack: TestStack, id: string, spec: Member, query = ''): Promise<EndedUpdate> {
  const { status, body } = await stack.call('POST', `/v1/databases/${id}${query}`, { spec });
  if (status !== 200) throw new Error(`the update was refused: ${status} ${JSON.stringify(body)}`);
  return { task_id: body.task.task_id, ...(await taskEnded(stack, body.task)) };
}

/** The same for one that must succeed. */
export async function updated(stack: TestStack, id: string, spec: Member, query = ''): Promise<EndedUpdate> {
  const task = await update(stack, id, spec, query);
  expect(task.error).toBeUndefined();
  expect(task.status).toBe('completed');
  return task;
}

/** A service's record as the API shows it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export async function instanceOf(stack: TestStack, id: string, serviceId = 'api'): Promise<any> {
  const { body } = await stack.call('GET', `/v1/databases/${id}`);
  return body.service_instances?.find((instance: { service_id: string }) => instance.service_id === serviceId);
}
