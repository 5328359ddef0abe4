import type { Queryable } from './connection.ts';

/** A server that is a cluster and is to be looked at. */
export interface ClusterLook {
  clusterId: string;
  serverName: string;
  /** Its own roles were asked for before. */
  rolesAsked: boolean;
}

/** Clusters that have not been looked at for a while, or never, each taken by whoever asks first. */
export async function takeClusterLooks(
  db: Queryable,
  input: { everySeconds: number; limit: number },
): Promise<ClusterLook[]> {
  const { rows } = await db.query<ClusterLook>(
    `WITH due AS (
       SELECT c.id, c.server_name FROM clusters c LEFT JOIN cluster_looks l ON l.cluster_id = c.id
       WHERE l.cluster_id IS NULL OR l.looked_at <= now() - make_interval(secs => $1)
       ORDER BY l.looked_at NULLS FIRST LIMIT $2
     ), taken AS (
       INSERT INTO cluster_looks AS l (cluster_id) SELECT id FROM due ORDER BY id
       ON CONFLICT (cluster_id) DO UPDATE SET looked_at = now() WHERE l.looked_at <= now() - make_interval(secs => $1)
       RETURNING l.cluster_id, l.roles_asked
     )
     SELECT due.id AS "clusterId", due.server_name AS "serverName", taken.roles_asked AS "rolesAsked"
     FROM taken JOIN due ON due.id = taken.cluster_id`,
    [input.everySeconds, input.limit],
  );
  return rows;
}

/** What came of a look. */
export async function noteClusterLook(
  db: Queryable,
  look: { clusterId: string; rolesAsked: boolean; problem: string | null },
): Promise<void> {
  await db.query('UPDATE cluster_looks SET roles_asked = roles_asked OR $2, problem = $3 WHERE cluster_id = $1', [
    look.clusterId,
    look.rolesAsked,
    look.problem,
  ]);
}
