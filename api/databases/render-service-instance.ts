import type { z } from '@hono/zod-openapi';
import type { InstanceRecord } from '../../store/instances.ts';
import type { serviceInstanceSchema, serviceStatusSchema } from '../schemas/service-instance.ts';
import { timestamp } from '../time.ts';

/** Port that clients of the contract look for under the name `http`. */
const CONTRACT_CONTAINER_PORT = 8080;

/** A service on one host, with what is known of it while it runs. */
export function renderServiceInstance(instance: InstanceRecord): z.infer<typeof serviceInstanceSchema> {
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

function renderStatus({ status, port, published }: InstanceRecord): z.infer<typeof serviceStatusSchema> {
  const healthy = status.healthy === true;
  return {
    ...(status.containerId === undefined ? {} : { container_id: status.containerId }),
    ...(status.image === undefined ? {} : { image_version: status.image }),
    ...(status.addresses === undefined ? {} : { addresses: status.addresses }),
    ...(published ? { ports: [{ name: 'http', container_port: CONTRACT_CONTAINER_PORT, host_port: port }] } : {}),
    ...(status.checkedAt === undefined
      ? {}
      : {
          health_check: {
            status: healthy ? 'healthy' : 'unhealthy',
            ...(status.healthMessage === undefined ? {} : { message: status.healthMessage }),
            checked_at: timestamp(status.checkedAt),
          },
        }),
    ...(status.lastHealthyAt === undefined ? {} : { last_health_at: timestamp(status.lastHealthyAt) }),
    service_ready: healthy,
  };
}
