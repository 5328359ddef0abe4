import type pg from 'pg';

/** Where a server stands in its replication group. */
export interface ReplicationPosition {
  /** Rises with every promotion: of two servers that take changes the lower one is the former primary (R20). */
  timeline: number;
  /** Of a standby: whether it receives from another server now. */
  receiving: boolean;
  /** Written (primary) or replayed (standby) so far, as bytes of WAL. */
  position: number;
}

/**
 * After a promotion the control file keeps the old timeline until the next checkpoint has ended, so a primary is asked for the
 * name of its current WAL file, which begins with the timeline.
 */
const REPLICATION_SQL = `SELECT
  CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
  EXISTS (SELECT FROM pg_stat_wal_receiver) AS receiving,
  coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0', 0)::float8
    AS position`;

/** @returns undefined where the server does not say: managed services hold some of these functions back */
export async function askReplication(
  client: pg.ClientBase,
  timeoutMs: number,
): Promise<ReplicationPosition | undefined> {
  try {
    const { rows } = await client.query<ReplicationPosition>({
      text: REPLICATION_SQL,
      ...{ query_timeout: timeoutMs },
    });
    return rows[0];
  } catch {
    return undefined;
  }
}
