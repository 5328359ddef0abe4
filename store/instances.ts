import type { InstanceStatus, ServiceState } from '../domain/monitoring/instance-status.ts';
import type { Queryable } from './connection.ts';

/** One instance of a service on one host. */
export interface InstanceRecord {
  id: string;
  databaseId: string;
  serviceId: string;
  hostId: string;
  state: ServiceState;
  port: number;
  published: boolean;
  version: string | null;
  status: InstanceStatus;
  error: string | null;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, database_id AS "databaseId", service_id AS "serviceId", host_id AS "hostId", state, port, published,
  version, status, error, created_at AS "createdAt", updated_at AS "updatedAt"`;

/**
 * Records instances.
 * @returns ids that other databases hold: `a-b` + `c` and `a` + `b-c` give the same one. The caller rolls back then.
 */
export async function insertInstances(
  db: Queryable,
  input: {
    databaseId: string;
    instances: readonly { id: string; serviceId: string; hostId: string; port: number; published: boolean }[];
  },
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO service_instances (id, database_id, service_id, host_id, state, port, published)
     SELECT id, $1, service_id, host_id, 'creating', port, published
     FROM jsonb_to_recordset($2) AS i (id text, service_id text, host_id text, port int, published boolean) ORDER BY id
     ON CONFLICT (id) DO NOTHING RETURNING id`,
    [
      input.databaseId,
      JSON.stringify(input.instances.map((i) => ({ ...i, service_id: i.serviceId, host_id: i.hostId }))),
    ],
  );
  const inserted = new Set(rows.map(({ id }) => id));
  return input.instances.flatMap(({ id }) => (inserted.has(id) ? [] : [id]));
}

/** Instances of the given databases, sorted by service and host as the contract says. */
export async function listInstances(db: Queryable, databaseIds: readonly string[]): Promise<InstanceRecord[]> {
  const { rows } = await db.query<InstanceRecord>(
    `SELECT ${COLUMNS} FROM service_instances WHERE database_id = ANY ($1) ORDER BY service_id, host_id`,
    [databaseIds],
  );
  return rows;
}

export async function setInstanceRunning(
  db: Queryable,
  input: { id: string; version: string; status: InstanceStatus },
): Promise<void> {
  await db.query(
    `UPDATE service_instances SET state = 'running', version = $2, status = $3, error = NULL, updated_at = now()
     WHERE id = $1`,
    [input.id, input.version, input.status],
  );
}

/** Pins the version that `latest` was resolved to. */
export async function setInstanceVersion(db: Queryable, input: { id: string; version: string }): Promise<void> {
  await db.query('UPDATE service_instances SET version = $2 WHERE id = $1', [input.id, input.version]);
}

/** Marks every instance of a database failed, with the reason (a first deployment that did not succeed). */
export async function failInstances(db: Queryable, input: { databaseId: string; error: string }): Promise<void> {
  await db.query(
    `UPDATE service_instances SET state = 'failed', error = $2, status = '{}', updated_at = now() WHERE database_id = $1`,
    [input.databaseId, input.error],
  );
}
