import { Failure } from '../domain/failures.ts';
import { normalizeSpec, type ResolvedSpec } from '../domain/spec/normalize.ts';
import type { DatabaseSpec } from '../domain/spec/types.ts';
import type { Queryable } from './connection.ts';

/** One instance as accepted. */
export interface WorkInstance {
  instanceId: string;
  serviceId: string;
  hostId: string;
  port: number;
  /** False: only this machine reaches it. */
  published: boolean;
  version: string | null;
}

/** Node of the database with the server that holds it. */
export interface WorkNode {
  name: string;
  serverName: string;
}

/** Everything that was accepted for a task: activities act on this, never on workflow arguments (R13). */
export interface Work {
  taskId: string;
  type: 'create' | 'delete' | 'switchover';
  epoch: number;
  databaseId: string;
  databaseName: string;
  actor: string;
  spec: ResolvedSpec;
  nodes: WorkNode[];
  instances: WorkInstance[];
}

interface WorkRow {
  taskId: string;
  type: 'create' | 'delete' | 'switchover';
  epoch: number;
  actor: string;
  databaseId: string;
  databaseName: string;
  spec: DatabaseSpec;
  nodes: WorkNode[];
  instances: WorkInstance[];
}

/** Loads the accepted rows of a task in one round trip. @throws StaleTask when task or database are gone */
export async function loadWork(db: Queryable, taskId: string): Promise<Work> {
  const { rows } = await db.query<WorkRow>(
    `SELECT t.id AS "taskId", t.type, t.epoch, t.actor, d.id AS "databaseId", d.database_name AS "databaseName", d.spec,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.node_name, 'serverName', s.server_name)
                 ORDER BY s.node_name), '[]') FROM database_servers s WHERE s.database_id = d.id) AS nodes,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('instanceId', i.id, 'serviceId', i.service_id,
                 'hostId', i.host_id, 'port', i.port, 'published', i.published, 'version', i.version) ORDER BY i.id), '[]')
        FROM service_instances i WHERE i.database_id = d.id) AS instances
     FROM tasks t JOIN databases d ON d.id = t.database_id WHERE t.id = $1`,
    [taskId],
  );
  const row = rows[0];
  if (row === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown, or its database is gone`);
  return { ...row, spec: normalizeSpec({ databaseId: row.databaseId, spec: row.spec }) };
}
