import { createHash } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import type { DatabaseState, DatabaseSummary } from '../../store/databases.ts';
import type { instanceSchema } from '../schemas/instance.ts';
import { timestamp } from '../time.ts';
import { type Surroundings, serverOfHost } from './surroundings.ts';

type Instance = z.infer<typeof instanceSchema>;

const INSTANCE_STATES: Record<DatabaseState, Instance['state']> = {
  creating: 'creating',
  modifying: 'modifying',
  available: 'available',
  deleting: 'modifying',
  degraded: 'degraded',
  failed: 'failed',
};

/** One PostgreSQL instance per node and host that has a server. The first host of a node has its primary. */
export function renderInstances(database: DatabaseSummary, around: Surroundings): Instance[] {
  return database.nodes.flatMap((node) =>
    node.host_ids.flatMap((hostId, index): Instance[] => {
      const server = serverOfHost(around, hostId);
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

/** `180004` → `18.4` (from PostgreSQL 10 on). */
export function versionText(versionNum: number): string {
  return `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
}

/** As many entries as there are hosts: lists name each of them thousands of times. */
const hashes = new Map<string, string>();

/** First 8 characters of the base-36 text of SHA-1 of the host id, as published clients know instance ids. */
export function hostHash(hostId: string): string {
  const known = hashes.get(hostId);
  if (known !== undefined) return known;
  const digest = createHash('sha1').update(hostId).digest('hex');
  const hash = BigInt(`0x${digest}`).toString(36).slice(0, 8);
  hashes.set(hostId, hash);
  return hash;
}
