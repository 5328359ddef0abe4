import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createFloor, type Floor } from './floor.ts';
import { superuserOf } from './roles/connection.ts';
import type { BenchStack } from './stack.ts';

export interface Task {
  task_id: string;
  database_id: string;
  status: string;
  error?: string;
}

/** Deploys a first service, which warms everything up, and takes its files as the template of the floor. */
export async function prepare(stack: BenchStack, port: number): Promise<{ floor: Floor; runtime: string }> {
  await provision(stack, 'warm-up', [benchService(stack, 'warm-up', { port })]);
  const { host } = stack.config;
  const database = await stack.call<{
    service_instances: { status: { image_version: string; container_id: string } }[];
  }>('GET', '/v1/databases/warm-up');
  const status = database.service_instances[0]?.status;
  if (status === undefined) throw new Error('the warm-up service has no status');
  const runtime = status.container_id.startsWith('pid:') ? 'process' : 'docker';
  const floor = await createFloor({
    connection: { ...(await superuserOf(stack.config)), database: 'postgres' },
    runtime,
    template: join(host.dataDir, 'services', `warm-up-api-${host.id}`, 'conf'),
    image: status.image_version,
    directory: await mkdtemp(join(tmpdir(), 'pgsteward-floor-')),
  });
  return { floor, runtime };
}

const userOf = (id: string) => `u_${id.replaceAll('-', '_')}`;

/** A small service of a database. */
export function benchService(
  stack: BenchStack,
  id: string,
  of: { port: number; serviceId?: string; config?: Record<string, unknown> },
): object {
  return {
    service_id: of.serviceId ?? 'api',
    service_type: 'postgrest',
    version: 'latest',
    host_ids: [stack.config.host.id],
    port: of.port,
    connect_as: userOf(id),
    config: { db_pool: 1, ...of.config },
  };
}

/** Specification of a database with one user. */
export function benchSpec(stack: BenchStack, id: string, services: readonly object[]): object {
  return {
    database_name: id,
    nodes: [{ name: 'n1', host_ids: [stack.config.host.id] }],
    database_users: [{ username: userOf(id), password: 'bench-password', db_owner: true, attributes: ['LOGIN'] }],
    services,
  };
}

/** Creates a database with these services, and waits until all of them run. */
export async function provision(stack: BenchStack, id: string, services: readonly object[]): Promise<Task> {
  const { task } = await stack.call<{ task: Task }>('POST', '/v1/databases', {
    id,
    spec: benchSpec(stack, id, services),
  });
  return completed(stack, task);
}

export async function remove(stack: BenchStack, id: string): Promise<void> {
  const { task } = await stack.call<{ task: Task }>('DELETE', `/v1/databases/${id}`);
  await completed(stack, task);
}

/** Waits for the end of a task, which must succeed. */
export async function completed(stack: BenchStack, task: Task): Promise<Task> {
  for (;;) {
    const now = await stack.call<Task>('GET', `/v1/databases/${task.database_id}/tasks/${task.task_id}`);
    if (now.status === 'completed') return now;
    if (now.status === 'failed' || now.status === 'canceled') throw new Error(`${task.database_id}: ${now.error}`);
    await delay(5);
  }
}
