import type { Queryable } from '../connection.ts';

/** What was seen at the last looks at a server. */
export interface DriftLook {
  observingSince: Date | null;
  lookedAt: Date | null;
  /** When the last reading of the whole server began. */
  inspectedAt: Date | null;
  nextLookAt: Date;
  /** By database; the empty name is the server itself. */
  fingerprints: Record<string, string>;
  basis: string | null;
  unchangedSince: Date | null;
  history: { timeline: number; position: number } | null;
  metadata: string | null;
  problem: string | null;
  heldBack: string | null;
  heldBackAt: Date | null;
  /** What requests changed since the document was recorded, which this names: by role, the kinds. */
  superseded: { document: string; roles: Record<string, string[]> } | null;
  /** Requests that were under way at the last inspection. */
  underWay: string[];
  summary: Record<string, unknown>;
}

const COLUMNS = `observing_since AS "observingSince", looked_at AS "lookedAt", inspected_at AS "inspectedAt",
  next_look_at AS "nextLookAt", fingerprints, basis, unchanged_since AS "unchangedSince", history, metadata, problem,
  held_back AS "heldBack", held_back_at AS "heldBackAt", superseded, summary, under_way AS "underWay"`;

export async function findLook(db: Queryable, serverName: string): Promise<DriftLook | undefined> {
  const { rows } = await db.query<DriftLook>(`SELECT ${COLUMNS} FROM drift_looks WHERE server_name = $1`, [serverName]);
  return rows[0];
}

/** Takes the row of a server until the transaction ends; makes it where there is none. */
export async function lockLook(tx: Queryable, serverName: string): Promise<DriftLook> {
  await tx.query('INSERT INTO drift_looks (server_name) VALUES ($1) ON CONFLICT DO NOTHING', [serverName]);
  const { rows } = await tx.query<DriftLook>(`SELECT ${COLUMNS} FROM drift_looks WHERE server_name = $1 FOR UPDATE`, [
    serverName,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('INSERT INTO drift_looks left no row');
  return row;
}

/**
 * Servers whose next look is due, longest overdue first. A server that is new gets its first look one interval after it was
 * registered, so that whoever registers it may say beforehand how it is to be treated.
 */
export async function serversToLookAt(
  db: Queryable,
  of: { limit: number; firstAfterSeconds: number },
): Promise<string[]> {
  await db.query(
    `INSERT INTO drift_looks (server_name, next_look_at)
     SELECT name, created_at + make_interval(secs => $1) FROM servers s
     WHERE NOT EXISTS (SELECT FROM drift_looks l WHERE l.server_name = s.name) ON CONFLICT DO NOTHING`,
    [of.firstAfterSeconds],
  );
  const { rows } = await db.query<{ name: string }>(
    'SELECT server_name AS name FROM drift_looks WHERE next_look_at <= now() ORDER BY next_look_at LIMIT $1',
    [of.limit],
  );
  return rows.map(({ name }) => name);
}

/** What a look leaves behind; what is left out stays. */
export type LookRecord = Partial<
  Pick<
    DriftLook,
    | 'inspectedAt'
    | 'fingerprints'
    | 'basis'
    | 'unchangedSince'
    | 'history'
    | 'metadata'
    | 'heldBack'
    | 'superseded'
    | 'summary'
    | 'underWay'
  >
> & { problem: string | null; nextInSeconds: number; observed: boolean };

/** Keeps what a look saw. */
export async function recordLook(db: Queryable, serverName: string, look: LookRecord): Promise<void> {
  const { problem, nextInSeconds, observed, ...rest } = look;
  const columns: [column: string, value: unknown][] = [
    ['inspected_at', rest.inspectedAt],
    ['fingerprints', rest.fingerprints],
    ['basis', rest.basis],
    ['unchanged_since', rest.unchangedSince],
    ['history', rest.history],
    ['metadata', rest.metadata],
    ['held_back', rest.heldBack],
    ['held_back_at', rest.heldBack === undefined ? undefined : rest.heldBack === null ? null : new Date()],
    ['superseded', rest.superseded],
    ['under_way', rest.underWay],
    ['summary', rest.summary],
  ];
  const given = columns.filter(([, value]) => value !== undefined);
  const sets = given.map(([column], index) => `${column} = $${index + 5}`);
  await db.query(`INSERT INTO drift_looks (server_name) VALUES ($1) ON CONFLICT DO NOTHING`, [serverName]);
  await db.query(
    `UPDATE drift_looks SET ${[
      'looked_at = CASE WHEN $4::boolean THEN now() ELSE looked_at END',
      'observing_since = CASE WHEN $4::boolean THEN coalesce(observing_since, now()) ELSE observing_since END',
      'problem = $2',
      'next_look_at = now() + make_interval(secs => $3)',
      ...sets,
    ].join(', ')} WHERE server_name = $1`,
    [serverName, problem, nextInSeconds, observed, ...given.map(([, value]) => value)],
  );
}

/** Repairs go on: whoever asked has seen to what held them back. */
export async function resumeRepairs(tx: Queryable, serverName: string): Promise<void> {
  await tx.query('UPDATE drift_looks SET held_back = NULL, held_back_at = NULL WHERE server_name = $1', [serverName]);
  await tx.query('UPDATE drift_findings SET repairs = 0, held_back = NULL WHERE server_name = $1', [serverName]);
}

/**
 * Which metadata database this is: another one after a dump was restored into it, another timeline after a recovery. What this
 * row says of servers is older than they are then.
 */
export async function metadataIdentity(db: Queryable): Promise<{ identity: string; now: Date }> {
  const { rows } = await db.query<{ identity: string; now: Date }>(
    `SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
       left(pg_walfile_name(pg_current_wal_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database())) AS identity,
       clock_timestamp() AS now`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the metadata database does not say which one it is');
  return row;
}
