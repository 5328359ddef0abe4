import { Failure } from '../domain/failures.ts';
import { normalizeSpec, type ResolvedSpec } from '../domain/spec/normalize.ts';
import type { DatabaseSpec } from '../domain/spec/types.ts';
import type { ChangeInstance } from '../domain/update/instances.ts';
import { CHANGE_JSON, type DatabaseChange } from './changes.ts';
import type { Queryable } from './connection.ts';
import type { DatabaseTaskType } from './tasks.ts';

/** One instance as accepted. */
export type WorkInstance = ChangeInstance;

/** Node of the database with the server that holds it. */
export interface WorkNode {
  name: string;
  serverName: string;
}

/** What an update starts from, with the specification resolved. */
export interface WorkChange extends DatabaseChange {
  previous: ResolvedSpec;
}

/** Everything that was accepted for a task: activities act on this, never on workflow arguments (R13). */
export interface Work {
  taskId: string;
  type: DatabaseTaskType;
  epoch: number;
  databaseId: string;
  databaseName: string;
  actor: string;
  /** A delete that ends what is under way. */
  forced: boolean;
  spec: ResolvedSpec;
  nodes: WorkNode[];
  /** Instances as they are to be. */
  instances: WorkInstance[];
  /** Where the database exists already and is changed. */
  change?: WorkChange;
}

interface WorkRow {
  taskId: string;
  type: DatabaseTaskType;
  epoch: number;
  actor: string;
  forced: boolean;
  databaseId: string;
  databaseName: string;
  spec: DatabaseSpec;
  nodes: WorkNode[];
  instances: WorkInstance[];
  change: DatabaseChange | null;
}

/** Loads the accepted rows of a task in one round trip. @throws StaleTask when task or database are gone */
export async function loadWork(db: Queryable, taskId: string): Promise<Work> {
  const { rows } = await db.query<WorkRow>(
    `SELECT t.id AS "taskId", t.type, t.epoch, t.actor, t.forced, d.id AS "databaseId", d.database_name AS "databaseName", d.spec,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.node_name, 'serverName', s.server_name)
                 ORDER BY s.node_name), '[]') FROM database_servers s WHERE s.database_id = d.id) AS nodes,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('instanceId', i.id, 'serviceId', i.service_id,
                 'hostId', i.host_id, 'port', i.port, 'published', i.published, 'version', i.version) ORDER BY i.id), '[]')
        FROM service_instances i WHERE i.database_id = d.id) AS instances,
       CASE WHEN c.task_id IS NOT NULL THEN ${CHANGE_JSON} END AS change
     FROM tasks t JOIN databases d ON d.id = t.database_id LEFT JOIN database_changes c ON c.task_id = t.id
     WHERE t.id = $1`,
    [taskId],
  );
  const row = rows[0];
  if (row === undefined) throw new Failure('StaleTask', `task ${taskId} is unknown, or its database is gone`);
  const { change, ...accepted } = row;
  const resolve = (spec: DatabaseSpec) => normalizeSpec({ databaseId: row.databaseId, spec });
  const work = { ...accepted, spec: resolve(row.spec) };
  if (change === null) return work;
  return { ...work, instances: change.nextInstances, change: { ...change, previous: resolve(change.previousSpec) } };
}

/**
 * A database as it is, for a task that is not its own but changes its services.
 * @throws StaleTask when it is gone, or a later operation has taken it
 */
export async function loadDatabaseWork(
  db: Queryable,
  of: { databaseId: string; taskId: string; epoch: number; actor: string },
): Promise<Work> {
  const { rows } = await db.query<Pick<WorkRow, 'databaseName' | 'spec' | 'nodes' | 'instances'>>(
    `SELECT d.database_name AS "databaseName", d.spec,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.node_name, 'serverName', s.server_name)
                 ORDER BY s.node_name), '[]') FROM database_servers s WHERE s.database_id = d.id) AS nodes,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('instanceId', i.id, 'serviceId', i.service_id,
                 'hostId', i.host_id, 'port', i.port, 'published', i.published, 'version', i.version) ORDER BY i.id), '[]')
        FROM service_instances i WHERE i.database_id = d.id) AS instances
     FROM databases d WHERE d.id = $1 AND d.epoch = $2`,
    [of.databaseId, of.epoch],
  );
  const row = rows[0];
  if (row === undefined) {
    throw new Failure('StaleTask', `database ${of.databaseId} is gone, or a later operation has taken it`);
  }
  const spec = normalizeSpec({ databaseId: of.databaseId, spec: row.spec });
  return { ...of, ...row, type: 'update', forced: false, spec };
}
