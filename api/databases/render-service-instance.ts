import type { z } from '@hono/zod-openapi';
import type { Health } from '../../domain/monitoring/look.ts';
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
    ...(isKnown(instance) ? { status: renderStatus(instance, new Date()) } : {}),
    ...(instance.error === null ? {} : { error: instance.error }),
  };
}

/** A failed instance is shown as it was found; one that never came to be has nothing to show. */
function isKnown({ state, status }: InstanceRecord): boolean {
  return state === 'running' || (state === 'failed' && status.checkedAt !== undefined);
}

function renderStatus(instance: InstanceRecord, now: Date): z.infer<typeof serviceStatusSchema> {
  const { status, port, published, state } = instance;
  const { health, message } = healthOf(instance, now);
  return {
    ...(status.containerId === undefined ? {} : { container_id: status.containerId }),
    ...(status.image === undefined ? {} : { image_version: status.image }),
    ...(status.addresses === undefined ? {} : { addresses: status.addresses }),
    ...(published ? { ports: [{ name: 'http', container_port: CONTRACT_CONTAINER_PORT, host_port: port }] } : {}),
    ...(status.checkedAt === undefined
      ? {}
      : {
          health_check: {
            status: health,
            ...(message === undefined ? {} : { message }),
            checked_at: timestamp(status.checkedAt),
          },
        }),
    ...(status.lastHealthyAt === undefined ? {} : { last_health_at: timestamp(status.lastHealthyAt) }),
    service_ready: state === 'running' && health === 'healthy',
  };
}

/** What the last look found, as long as it stands for now: when nobody looks any more, nobody knows. */
function healthOf({ status }: InstanceRecord, now: Date): { health: Health; message?: string } {
  if (status.freshUntil !== undefined && now.getTime() > Date.parse(status.freshUntil)) {
    return { health: 'unknown', message: 'nobody has looked since' };
  }
  const message = status.healthMessage === undefined ? {} : { message: status.healthMessage };
  if (status.healthy === undefined) return { health: 'unknown', ...message };
  return { health: status.healthy ? 'healthy' : 'unhealthy', ...message };
}
