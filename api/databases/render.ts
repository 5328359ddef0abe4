import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import type { DatabaseRecord } from '../../store/databases.ts';
import type { HostRecord } from '../../store/hosts.ts';
import type { InstanceRecord } from '../../store/instances.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { databaseSchema, databaseSummarySchema } from '../schemas/database.ts';
import type { instanceSchema } from '../schemas/instance.ts';
import type { serviceInstanceSchema } from '../schemas/service-instance.ts';
import { timestamp } from '../time.ts';

type Database = z.infer<typeof databaseSchema>;
type DatabaseSummary = z.infer<typeof databaseSummarySchema>;
type ServiceInstance = z.infer<typeof serviceInstanceSchema>;
type Instance = z.infer<typeof instanceSchema>;

/** What is looked up once for any number of databases. */
export interface Surroundings {
  hosts: ReadonlyMap<string, HostRecord>;
  servers: ReadonlyMap<string, ServerRecord>;
}

/** Port that clients of the contract look for under the name `http`. */
const CONTRACT_CONTAINER_PORT = 8080;

/** A database as lists show it. Empty lists are left out. */
export function renderSummary(database: DatabaseRecord, around: Surroundings): DatabaseSummary {
  const instances = renderInstances(database, around);
  return {
    id: database.id,
    ...(database.tenantId === null ? {} : { tenant_id: database.tenantId }),
    created_at: timestamp(database.createdAt),
    updated_at: timestamp(database.updatedAt),
    state: database.state,
    ...(instances.length === 0 ? {} : { instances }),
  };
}

/** A database in full. The stored specification holds no secret. */
export function renderDatabase(
  database: DatabaseRecord,
  services: readonly InstanceRecord[],
  around: Surroundings,
): Database {
  return {
    ...renderSummary(database, around),
    ...(services.length === 0 ? {} : { service_instances: services.map(renderServiceInstance) }),
    spec: { ...database.spec, ...resolvedVersion(database, around) },
  };
}

export function renderServiceInstance(instance: InstanceRecord): ServiceInstance {
  return {
    service_instance_id: instance.id,
    service_id: instance.serviceId,
    database_id: instance.databaseId,
    host_id: instance.hostId,
    state: instance.state,
    created_at: timestamp(instance.createdAt),
    updated_at: timestamp(instance.updatedAt),
    ...(instance.state === 'running' ? { status: renderStatus(instance) } : {}),
    ...(instance.error === null ? {} : { error: instance.error }),
  };
}

function renderStatus({ status, port, published }: InstanceRecord): NonNullable<ServiceInstance['status']> {
  return {
    ...(status.containerId === undefined ? {} : { container_id: status.containerId }),
    ...(status.image === undefined ? {} : { image_version: status.image }),
    ...(status.addresses === undefined ? {} : { addresses: status.addresses }),
    ...(published ? { ports: [{ name: 'http', container_port: CONTRACT_CONTAINER_PORT, host_port: port }] } : {}),
    ...(status.checkedAt === undefined
      ? {}
      : {
          health_check: {
            status: status.healthy === true ? 'healthy' : 'unhealthy',
            ...(status.healthMessage === undefined ? {} : { message: status.healthMessage }),
            checked_at: timestamp(status.checkedAt),
          },
        }),
    ...(status.lastHealthyAt === undefined ? {} : { last_health_at: timestamp(status.lastHealthyAt) }),
    service_ready: status.healthy === true,
  };
}

/** One PostgreSQL instance per node and host that has a server. */
function renderInstances(database: DatabaseRecord, around: Surroundings): Instance[] {
  return database.spec.nodes.flatMap((node) =>
    node.host_ids.flatMap((hostId, index): Instance[] => {
      const server = around.servers.get(around.hosts.get(hostId)?.serverName ?? '');
      const endpoint = server?.endpoints[0];
      if (server === undefined || endpoint === undefined) return [];
      return [
        {
          id: `${database.id}-${node.name}-${hostHash(hostId)}`,
          host_id: hostId,
          node_name: node.name,
          created_at: timestamp(database.createdAt),
          updated_at: timestamp(database.updatedAt),
          state: INSTANCE_STATES[database.state],
          connection_info: { addresses: [endpoint.address], port: endpoint.port },
          postgres: { version: versionText(server.versionNum), role: index === 0 ? 'primary' : 'replica' },
          ...(database.state === 'failed' && database.error !== null ? { error: database.error } : {}),
        },
      ];
    }),
  );
}

const INSTANCE_STATES: Record<DatabaseRecord['state'], Instance['state']> = {
  creating: 'creating',
  modifying: 'modifying',
  available: 'available',
  deleting: 'modifying',
  degraded: 'degraded',
  failed: 'failed',
};

/** The version that the server runs, where the specification leaves it open. */
function resolvedVersion(database: DatabaseRecord, around: Surroundings): { postgres_version?: string } {
  if (database.spec.postgres_version !== undefined) return {};
  const hostId = database.spec.nodes[0]?.host_ids[0] ?? '';
  const server = around.servers.get(around.hosts.get(hostId)?.serverName ?? '');
  return server === undefined ? {} : { postgres_version: versionText(server.versionNum) };
}

/** `180004` → `18.4` (from PostgreSQL 10 on). */
export function versionText(versionNum: number): string {
  return `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
}

/** First 8 characters of the base-36 text of SHA-1 of the host id, as published clients know instance ids. */
export function hostHash(hostId: string): string {
  const digest = createHash('sha1').update(hostId).digest('hex');
  return BigInt(`0x${digest}`).toString(36).slice(0, 8);
}
