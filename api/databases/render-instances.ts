import type { z } from '@hono/zod-openapi';
import { postgresInstanceId } from '../../domain/replication/instance-id.ts';
import { hostHash } from '../../platform/host-hash.ts';
import type { DatabaseState, DatabaseSummary } from '../../store/databases.ts';
import { instanceCondition } from '../nodes/instance-condition.ts';
import type { instanceSchema } from '../schemas/instance.ts';
import { timestamp } from '../time.ts';
import { type Surroundings, serverOfHost } from './surroundings.ts';

type Instance = z.infer<typeof instanceSchema>;

/** What an operation makes of the state of instances; otherwise the servers are asked. */
const INSTANCE_STATES: Partial<Record<DatabaseState, Instance['state']>> = {
  creating: 'creating',
  modifying: 'modifying',
  deleting: 'modifying',
  failed: 'failed',
};

/**
 * One PostgreSQL instance per node and host that has a server. State and role are what the servers say of themselves, unless an
 * operation on the database is under way or has failed.
 * @param around with topologies
 */
export function renderInstances(database: DatabaseSummary, around: Surroundings): Instance[] {
  return database.nodes.flatMap((node) =>
    node.host_ids.flatMap((hostId): Instance[] => {
      const host = around.hosts.get(hostId);
      const server = serverOfHost(around, hostId);
      if (host === undefined || server === undefined) return [];
      const topology = around.topologies?.get(server.name);
      const found = instanceCondition({ host, server, topology, alone: node.host_ids.length === 1 });
      const error = database.state === 'failed' ? (database.error ?? undefined) : found.error;
      return [
        {
          id: postgresInstanceId({ databaseId: database.id, nodeName: node.name, hostHash: hostHash(hostId) }),
          host_id: hostId,
          node_name: node.name,
          created_at: timestamp(database.createdAt),
          updated_at: timestamp(database.updatedAt),
          state: INSTANCE_STATES[database.state] ?? found.state,
          ...(found.askedAt === undefined ? {} : { status_updated_at: timestamp(found.askedAt) }),
          ...(found.endpoint === undefined
            ? {}
            : { connection_info: { addresses: [found.endpoint.address], port: found.endpoint.port } }),
          postgres: {
            version: versionText(found.versionNum ?? server.versionNum),
            ...(found.role === undefined ? {} : { role: found.role }),
          },
          ...(error === undefined ? {} : { error }),
        },
      ];
    }),
  );
}

/** `180004` → `18.4` (from PostgreSQL 10 on). */
export function versionText(versionNum: number): string {
  return `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
}
