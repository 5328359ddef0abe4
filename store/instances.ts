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

/** An instance that answers requests. */
export interface RunningInstance {
  id: string;
  version: string;
  status: InstanceStatus;
}

/** Records instances as running, in one statement. */
export async function setInstancesRunning(db: Queryable, running: readonly RunningInstance[]): Promise<void> {
  if (running.length === 0) return;
  await db.query(
    `UPDATE service_instances i SET state = 'running', version = r.version, status = r.status, error = NULL,
            updated_at = now()
     FROM jsonb_to_recordset($1) AS r (id text, version text, status jsonb) WHERE i.id = r.id`,
    [JSON.stringify(running)],
  );
}

/** Gives instances their ports as an update has decided them. */
export async function setInstancePorts(
  db: Queryable,
  instances: readonly { instanceId: string; port: number; published: boolean }[],
): Promise<void> {
  if (instances.length === 0) return;
  await db.query(
    `UPDATE service_instances i SET port = n.port, published = n.published
     FROM jsonb_to_recordset($1) AS n ("instanceId" text, port int, published boolean) WHERE i.id = n."instanceId"`,
    [JSON.stringify(instances)],
  );
}

/** Forgets every instance of a database but the given ones. */
export async function keepInstances(
  db: Queryable,
  input: { databaseId: string; instanceIds: readonly string[] },
): Promise<void> {
  await db.query('DELETE FROM service_instances WHERE database_id = $1 AND id <> ALL ($2)', [
    input.databaseId,
    input.instanceIds,
  ]);
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
