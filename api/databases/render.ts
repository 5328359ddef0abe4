import type { z } from '@hono/zod-openapi';
import type { DatabaseRecord, DatabaseSummary } from '../../store/databases.ts';
import type { InstanceRecord } from '../../store/instances.ts';
import type { databaseSchema, databaseSummarySchema } from '../schemas/database.ts';
import { timestamp } from '../time.ts';
import { renderInstances, versionText } from './render-instances.ts';
import { renderServiceInstance } from './render-service-instance.ts';
import { type Surroundings, serverOfHost } from './surroundings.ts';

/** A database as lists show it. Empty lists are left out. */
export function renderSummary(database: DatabaseSummary, around: Surroundings): z.infer<typeof databaseSummarySchema> {
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
): z.infer<typeof databaseSchema> {
  return {
    ...renderSummary({ ...database, nodes: database.spec.nodes }, around),
    ...(services.length === 0 ? {} : { service_instances: services.map(renderServiceInstance) }),
    spec: { ...database.spec, ...resolvedVersion(database, around) },
  };
}

/** The version that the server runs, where the specification leaves it open. */
function resolvedVersion({ spec }: DatabaseRecord, around: Surroundings): { postgres_version?: string } {
  if (spec.postgres_version !== undefined) return {};
  const server = serverOfHost(around, spec.nodes[0]?.host_ids[0] ?? '');
  return server === undefined ? {} : { postgres_version: versionText(server.versionNum) };
}
