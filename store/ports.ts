import type { Queryable } from './connection.ts';

/** A port and the one after it (admin gateway) belong together. */
export interface PortClaim {
  hostId: string;
  port: number;
  serviceId: string;
}

/** A port that a database holds. */
export interface HeldPort {
  hostId: string;
  port: number;
  /** Id of the database. */
  heldBy: string;
}

/**
 * Takes the ports of services, each with its admin port. The primary key is the exclusion between concurrent requests.
 * @returns the ports that other databases hold; nothing is taken then, the caller rolls back.
 */
export async function reservePorts(
  db: Queryable,
  input: { databaseId: string; claims: readonly PortClaim[] },
): Promise<HeldPort[]> {
  const pairs = pairsOf(input.claims);
  if (pairs.length === 0) return [];
  const inserted = await db.query(
    `INSERT INTO ports (host_id, port, database_id, service_id)
     SELECT h, p, $1, s FROM unnest($2::text[], $3::int[], $4::text[]) AS claim (h, p, s) ORDER BY h, p
     ON CONFLICT (host_id, port) DO NOTHING`,
    [input.databaseId, pairs.map((p) => p.hostId), pairs.map((p) => p.port), pairs.map((p) => p.serviceId)],
  );
  return inserted.rowCount === pairs.length ? [] : portsHeldByOthers(db, input);
}

/** Of the ports claimed and their admin ports, those that other databases hold. */
export async function portsHeldByOthers(
  db: Queryable,
  input: { databaseId: string; claims: readonly PortClaim[] },
): Promise<HeldPort[]> {
  const pairs = pairsOf(input.claims);
  if (pairs.length === 0) return [];
  const { rows } = await db.query<HeldPort>(
    `SELECT host_id AS "hostId", port, database_id AS "heldBy" FROM ports
     JOIN unnest($2::text[], $3::int[]) AS claim (h, p) ON host_id = h AND port = p
     WHERE database_id <> $1 ORDER BY host_id, port`,
    [input.databaseId, pairs.map((p) => p.hostId), pairs.map((p) => p.port)],
  );
  return rows;
}

function pairsOf(claims: readonly PortClaim[]): PortClaim[] {
  return claims.flatMap((claim) => [claim, { ...claim, port: claim.port + 1 }]);
}

/** Ports of a host that are taken already, within a range. */
export async function takenPorts(
  db: Queryable,
  input: { hostId: string; from: number; to: number },
): Promise<Set<number>> {
  const { rows } = await db.query<{ port: number }>(
    'SELECT port FROM ports WHERE host_id = $1 AND port BETWEEN $2 AND $3',
    [input.hostId, input.from, input.to],
  );
  return new Set(rows.map((row) => row.port));
}

export async function releasePorts(db: Queryable, databaseId: string): Promise<void> {
  await db.query('DELETE FROM ports WHERE database_id = $1', [databaseId]);
}

/** Of a database's ports, keeps those of these services, each with its admin port; the others are free at once. */
export async function keepPorts(
  db: Queryable,
  input: { databaseId: string; claims: readonly { hostId: string; port: number }[] },
): Promise<void> {
  const pairs = input.claims.flatMap(({ hostId, port }) => [
    { hostId, port },
    { hostId, port: port + 1 },
  ]);
  await db.query(
    `DELETE FROM ports p WHERE database_id = $1 AND NOT EXISTS (
       SELECT FROM unnest($2::text[], $3::int[]) AS kept (host, port) WHERE kept.host = p.host_id AND kept.port = p.port)`,
    [input.databaseId, pairs.map(({ hostId }) => hostId), pairs.map(({ port }) => port)],
  );
}
