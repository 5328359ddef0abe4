import type { JWK } from 'jose';
import type { HostFacts, Tombstone } from '../domain/services.ts';
import type { Queryable } from './connection.ts';

/** A host as the control plane knows it. */
export interface HostRecord {
  id: string;
  /** Registered server whose primary or standby runs on this host, where there is one. */
  serverName: string | null;
  /** The worker process that joined last; null after it left. */
  workerId: string | null;
  publicKey: JWK | null;
  facts: HostFacts | null;
  /** Named token that it joined with last; null for the shared one. */
  joinTokenId: string | null;
  joinedAt: Date | null;
  leftAt: Date | null;
}

const COLUMNS = `id, server_name AS "serverName", worker_id AS "workerId", public_key AS "publicKey", facts, join_token_id AS "joinTokenId",
  joined_at AS "joinedAt", left_at AS "leftAt"`;

export async function listHosts(db: Queryable): Promise<HostRecord[]> {
  const { rows } = await db.query<HostRecord>(`SELECT ${COLUMNS} FROM hosts ORDER BY id`);
  return rows;
}

export async function findHost(db: Queryable, id: string): Promise<HostRecord | undefined> {
  const { rows } = await db.query<HostRecord>(`SELECT ${COLUMNS} FROM hosts WHERE id = $1`, [id]);
  return rows[0];
}

/**
 * Records which worker process serves the host from now on, and the key that secrets for it are sealed to (R12). The server that
 * the worker names becomes the host's, once it is registered.
 */
export async function recordJoin(
  db: Queryable,
  input: { hostId: string; workerId: string; publicKey: JWK; facts: HostFacts; joinTokenId: string | null },
): Promise<void> {
  await db.query(
    `INSERT INTO hosts (id, server_name, worker_id, public_key, facts, joined_at, join_token_id)
     VALUES ($1, (SELECT name FROM servers WHERE name = $5), $2, $3, $4, now(), $6)
     ON CONFLICT (id) DO UPDATE SET server_name = coalesce(excluded.server_name, hosts.server_name),
       worker_id = $2, public_key = $3, facts = $4, joined_at = now(), left_at = NULL, join_token_id = $6`,
    [
      input.hostId,
      input.workerId,
      input.publicKey,
      input.facts,
      input.facts.postgres?.server ?? null,
      input.joinTokenId,
    ],
  );
}

/** Hosts whose workers have named a server before it was registered get it now. */
export async function attachWaitingHosts(db: Queryable, serverName: string): Promise<void> {
  await db.query(`UPDATE hosts SET server_name = $1 WHERE facts #>> '{postgres,server}' = $1`, [serverName]);
}

/** Records that the worker ended in order; a worker that has been replaced changes nothing. */
export async function recordLeave(db: Queryable, input: { hostId: string; workerId: string }): Promise<void> {
  await db.query('UPDATE hosts SET worker_id = NULL, left_at = now() WHERE id = $1 AND worker_id = $2', [
    input.hostId,
    input.workerId,
  ]);
}

/** Names the server that belongs to a host, creating the host's row when its worker has not joined yet. */
export async function attachServer(db: Queryable, input: { hostId: string; serverName: string }): Promise<void> {
  await db.query(
    `INSERT INTO hosts (id, server_name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET server_name = $2`,
    [input.hostId, input.serverName],
  );
}

export async function recordTombstone(db: Queryable, tombstone: Tombstone & { hostId: string }): Promise<void> {
  await db.query(
    `INSERT INTO tombstones (host_id, instance_id, database_id, task_id, epoch, restore) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (host_id, instance_id) DO UPDATE
       SET task_id = $4, epoch = greatest(tombstones.epoch, $5), restore = $6`,
    [
      tombstone.hostId,
      tombstone.instanceId,
      tombstone.databaseId,
      tombstone.taskId,
      tombstone.epoch,
      tombstone.restore ?? false,
    ],
  );
}

export async function listTombstones(db: Queryable, hostId: string): Promise<Tombstone[]> {
  const { rows } = await db.query<Tombstone>(
    `SELECT instance_id AS "instanceId", database_id AS "databaseId", task_id AS "taskId", epoch, restore
     FROM tombstones WHERE host_id = $1 ORDER BY created_at`,
    [hostId],
  );
  return rows.map(({ restore, ...tombstone }) => ({ ...tombstone, ...(restore ? { restore } : {}) }));
}

/** Forgets tombstones that the host has executed; a newer one for the same instance stays. */
export async function clearTombstones(
  db: Queryable,
  input: { hostId: string; executed: readonly Tombstone[] },
): Promise<void> {
  await db.query(
    `DELETE FROM tombstones t USING unnest($2::text[], $3::bigint[]) AS executed (instance_id, epoch)
     WHERE t.host_id = $1 AND t.instance_id = executed.instance_id AND t.epoch <= executed.epoch`,
    [input.hostId, input.executed.map((t) => t.instanceId), input.executed.map((t) => t.epoch)],
  );
}

/** Why a host cannot be forgotten: what is there for it, by what it is called. */
export interface HostUse {
  databases: string[];
  removals: number;
  switchovers: number;
}

/** What names a host. */
export async function findHostUse(tx: Queryable, hostId: string): Promise<HostUse> {
  const { rows } = await tx.query<HostUse>(
    `SELECT ARRAY(
       SELECT d.id FROM databases d WHERE EXISTS (SELECT FROM service_instances i WHERE i.database_id = d.id AND i.host_id = $1)
         OR EXISTS (SELECT FROM ports p WHERE p.database_id = d.id AND p.host_id = $1)
         OR d.spec @? ('$.nodes[*].host_ids[*] ? (@ == ' || to_json($1::text)::text || ')')::jsonpath
         OR d.spec @? ('$.services[*].host_ids[*] ? (@ == ' || to_json($1::text)::text || ')')::jsonpath
       ORDER BY d.id) AS databases,
       (SELECT count(*) FROM tombstones WHERE host_id = $1) AS removals,
       (SELECT count(*) FROM switchovers WHERE primary_host_id = $1 OR candidate_host_id = $1) AS switchovers`,
    [hostId],
  );
  return rows[0] ?? { databases: [], removals: 0, switchovers: 0 };
}

/** Holds a host's row, against joins and whatever would refer to it. */
export async function lockHost(tx: Queryable, id: string): Promise<HostRecord | undefined> {
  const { rows } = await tx.query<HostRecord>(`SELECT ${COLUMNS} FROM hosts WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

/** Forgets a host with the removals that wait for it. */
export async function deleteHost(tx: Queryable, id: string): Promise<void> {
  await tx.query('DELETE FROM tombstones WHERE host_id = $1', [id]);
  await tx.query('DELETE FROM hosts WHERE id = $1', [id]);
}
