import type { Queryable } from './connection.ts';

/** A server on which somebody works by hand: meanwhile nothing is rotated, repaired or issued there. Reads and reports go on. */
export interface Maintenance {
  /** For people; given by whoever began it. */
  reason: string;
  /** Account that began it. */
  actor: string;
  since: Date;
  /** When it ends by itself; null: when somebody ends it. */
  until: Date | null;
}

const COLUMNS = 'reason, actor, since, until';
/** One that has run out is over, whether or not its row has gone. */
const LASTS = '(until IS NULL OR until > now())';

/** The maintenance that a server is in; undefined when it is in none. One look-up by key: cheap enough for every request. */
export async function findMaintenance(db: Queryable, serverName: string): Promise<Maintenance | undefined> {
  const { rows } = await db.query<Maintenance>(
    `SELECT ${COLUMNS} FROM server_maintenance WHERE server_name = $1 AND ${LASTS}`,
    [serverName],
  );
  return rows[0];
}

/** Those of the servers that are in maintenance, by name; of every server unless some are named. */
export async function listMaintenance(db: Queryable, names?: readonly string[]): Promise<Map<string, Maintenance>> {
  const { rows } = await db.query<Maintenance & { name: string }>(
    `SELECT server_name AS name, ${COLUMNS} FROM server_maintenance
     WHERE ${LASTS} AND ($1::text[] IS NULL OR server_name = ANY ($1))`,
    [names ?? null],
  );
  return new Map(rows.map(({ name, ...maintenance }) => [name, maintenance]));
}

/**
 * Begins maintenance, or gives the one that lasts another reason and end; it keeps its beginning.
 * @returns what it was before; undefined when there was none
 */
export async function beginMaintenance(
  tx: Queryable,
  input: { serverName: string; reason: string; actor: string; until: Date | null },
): Promise<{ before: Maintenance | undefined; after: Maintenance }> {
  const { serverName, reason, actor, until } = input;
  const before = await findMaintenance(tx, serverName);
  const { rows } = await tx.query<Maintenance>(
    `INSERT INTO server_maintenance AS m (server_name, reason, actor, until) VALUES ($1, $2, $3, $4)
     ON CONFLICT (server_name) DO UPDATE SET reason = $2, actor = $3, until = $4,
       since = CASE WHEN m.until IS NULL OR m.until > now() THEN m.since ELSE now() END
     RETURNING ${COLUMNS}`,
    [serverName, reason, actor, until],
  );
  const [after] = rows;
  if (after === undefined) throw new Error('INSERT INTO server_maintenance returned no row');
  return { before, after };
}

/** Ends maintenance. @returns what it was; undefined when there was none */
export async function endMaintenance(tx: Queryable, serverName: string): Promise<Maintenance | undefined> {
  const { rows } = await tx.query<Maintenance & { lasts: boolean }>(
    `DELETE FROM server_maintenance WHERE server_name = $1 RETURNING ${COLUMNS}, ${LASTS} AS lasts`,
    [serverName],
  );
  const [row] = rows;
  if (row === undefined || !row.lasts) return undefined;
  const { lasts: _, ...ended } = row;
  return ended;
}

/**
 * Why something is not done on a server in maintenance, for a 409 (`server_in_maintenance`) or a task's log.
 * @param what is not done, such as `its passwords are not rotated`
 */
export function maintenanceText(serverName: string, maintenance: Maintenance, what: string): string {
  const { reason, actor, since, until } = maintenance;
  const end = until === null ? 'until somebody ends it' : `until ${until.toISOString()}`;
  return (
    `server ${serverName} is in maintenance since ${since.toISOString()} ${end} (${actor}: ${reason}): ${what} meanwhile; ` +
    `try again afterwards, or end it with POST /v1/servers/${serverName}/maintenance {"enabled": false}`
  );
}
