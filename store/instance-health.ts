import type { InstanceStatus, ServiceState } from '../domain/monitoring/instance-status.ts';
import type { RecordedInstance } from '../domain/monitoring/judge.ts';
import type { Queryable } from './connection.ts';

/** An instance as its health is judged, and the version of its row that was read. */
export interface WatchedInstance extends RecordedInstance {
  id: string;
  databaseId: string;
  hostId: string;
  rowVersion: string;
}

/** Every instance of every database. */
export async function listWatchedInstances(db: Queryable): Promise<WatchedInstance[]> {
  const { rows } = await db.query<WatchedInstance>(
    `SELECT i.id, i.database_id AS "databaseId", i.host_id AS "hostId", i.state, i.error, i.status,
       i.updated_at AS "changedAt", d.state IN ('creating', 'modifying', 'deleting') AS held, i.xmin::text AS "rowVersion"
     FROM service_instances i JOIN databases d ON d.id = i.database_id ORDER BY i.id`,
  );
  return rows;
}

/**
 * Records what was found, for all instances in one statement. One whose row was changed since it was read, or is being
 * changed, is left to whoever changes it; the time of the last change moves with the state only.
 * @returns ids of the instances that were recorded
 */
export async function recordHealth(
  db: Queryable,
  found: readonly {
    id: string;
    rowVersion: string;
    state: ServiceState;
    error: string | null;
    status: InstanceStatus;
  }[],
): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    `WITH found AS (
       SELECT * FROM jsonb_to_recordset($1) AS f (id text, "rowVersion" text, state text, error text, status jsonb)
     ), free AS (
       SELECT i.id FROM service_instances i JOIN found f ON f.id = i.id AND f."rowVersion" = i.xmin::text
       ORDER BY i.id FOR UPDATE OF i SKIP LOCKED
     )
     UPDATE service_instances i SET state = f.state, error = f.error, status = f.status,
       updated_at = CASE WHEN i.state = f.state THEN i.updated_at ELSE now() END
     FROM found f JOIN free USING (id) WHERE i.id = f.id RETURNING i.id`,
    [JSON.stringify(found)],
  );
  return new Set(rows.map(({ id }) => id));
}
