import { v4 as uuidv4 } from 'uuid';
import type { RoleFlavor } from '../domain/clusters/flavors.ts';
import type { TeamRole } from '../domain/clusters/teams.ts';
import type { Queryable } from './connection.ts';
import { type KeysetPage, keyset } from './keyset.ts';
import { prepared } from './prepared.ts';

/** A registered server that was assigned to a team. */
export interface ClusterRecord {
  id: string;
  name: string;
  serverName: string;
  teamId: string;
  createdAt: Date;
  /** `server_version_num`, such as 180004. */
  versionNum: number;
  endpoints: { address: string; port: number }[];
  /** Where clients find the primary: as it was seen last, or else the first endpoint. */
  host: string;
  port: number;
  maintenanceDb: string;
  /** When registration or assignment changed last. */
  updatedAt: Date;
}

const COLUMNS = `c.id, c.name, c.server_name AS "serverName", c.team_id AS "teamId", c.created_at AS "createdAt",
  s.version_num AS "versionNum", s.endpoints, s.maintenance_db AS "maintenanceDb",
  greatest(s.updated_at, c.created_at) AS "updatedAt",
  coalesce(p.address, s.endpoints -> 0 ->> 'address') AS host,
  coalesce(p.port, (s.endpoints -> 0 ->> 'port')::int) AS port`;
const FROM = `clusters c JOIN servers s ON s.name = c.server_name
  LEFT JOIN server_primaries p ON p.server_name = s.name`;
const ORDER_COLUMNS = { id: 'c.id', name: 'c.name' };

/** A cluster with what the account that asks has to do with it. */
export interface OwnCluster {
  cluster: ClusterRecord;
  team: { id: string; name: string; defaultRoleFlavor: RoleFlavor };
  teamRole: TeamRole;
}

const FIND_OWN = prepared(
  'find_own_cluster',
  `SELECT ${COLUMNS}, t.name AS "teamName", t.default_role_flavor AS "defaultRoleFlavor", m.role AS "teamRole"
   FROM ${FROM} JOIN teams t ON t.id = c.team_id JOIN team_members m ON m.team_id = c.team_id AND m.account_id = $2
   WHERE c.id = $1`,
);

/** A cluster of one of the account's teams, in one round trip; undefined for those of others and for none. */
export async function findClusterFor(
  db: Queryable,
  of: { clusterId: string; accountId: string },
): Promise<OwnCluster | undefined> {
  const { rows } = await db.query<
    ClusterRecord & { teamName: string; defaultRoleFlavor: RoleFlavor; teamRole: TeamRole }
  >(FIND_OWN([of.clusterId, of.accountId]));
  const row = rows[0];
  if (row === undefined) return undefined;
  const { teamName: name, defaultRoleFlavor, teamRole, ...cluster } = row;
  return { cluster, team: { id: cluster.teamId, name, defaultRoleFlavor }, teamRole };
}

/** Clusters of an account's teams: a page, with one row more where another page follows. */
export async function listOwnClusters(
  db: Queryable,
  of: {
    accountId: string;
    teamId?: string | undefined;
    /** Only those on these servers. */
    serverNames?: readonly string[] | undefined;
  },
  page: KeysetPage,
): Promise<ClusterRecord[]> {
  const { condition, orderAndLimit, values } = keyset(page, ORDER_COLUMNS, 4);
  const { rows } = await db.query<ClusterRecord>(
    `SELECT ${COLUMNS} FROM ${FROM} JOIN team_members m ON m.team_id = c.team_id AND m.account_id = $1
     WHERE ($2::uuid IS NULL OR c.team_id = $2) AND ($3::text[] IS NULL OR c.server_name = ANY ($3)) AND ${condition}
     ${orderAndLimit}`,
    [of.accountId, of.teamId ?? null, of.serverNames ?? null, ...values],
  );
  return rows;
}

/** Certificates of authorities that the servers of a team's clusters are verified against, each once, by name of the cluster. */
export async function listAuthorities(db: Queryable, teamId: string): Promise<string[]> {
  const { rows } = await db.query<{ pem: string }>(
    `SELECT s.tls ->> 'caCertificate' AS pem FROM clusters c JOIN servers s ON s.name = c.server_name
     WHERE c.team_id = $1 AND s.tls ->> 'caCertificate' IS NOT NULL GROUP BY 1 ORDER BY min(c.name)`,
    [teamId],
  );
  return rows.map(({ pem }) => pem);
}

/** All clusters, or those of a team: a page, with one row more where another page follows. */
export async function listClusters(
  db: Queryable,
  of: { teamId?: string | undefined },
  page: KeysetPage,
): Promise<ClusterRecord[]> {
  const { condition, orderAndLimit, values } = keyset(page, ORDER_COLUMNS, 2);
  const { rows } = await db.query<ClusterRecord>(
    `SELECT ${COLUMNS} FROM ${FROM} WHERE ($1::uuid IS NULL OR c.team_id = $1) AND ${condition} ${orderAndLimit}`,
    [of.teamId ?? null, ...values],
  );
  return rows;
}

export async function findCluster(db: Queryable, id: string): Promise<ClusterRecord | undefined> {
  const { rows } = await db.query<ClusterRecord>(`SELECT ${COLUMNS} FROM ${FROM} WHERE c.id = $1`, [id]);
  return rows[0];
}

/** Takes the cluster until the transaction ends. */
export async function lockCluster(tx: Queryable, id: string): Promise<ClusterRecord | undefined> {
  const { rows } = await tx.query<ClusterRecord>(`SELECT ${COLUMNS} FROM ${FROM} WHERE c.id = $1 FOR UPDATE OF c`, [
    id,
  ]);
  return rows[0];
}

/** @returns the new cluster; undefined when the server is one already, or another one has the name */
export async function insertCluster(
  tx: Queryable,
  cluster: { serverName: string; teamId: string; name: string },
): Promise<ClusterRecord | undefined> {
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO clusters (id, server_name, team_id, name) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id`,
    [uuidv4(), cluster.serverName, cluster.teamId, cluster.name],
  );
  const [inserted] = rows;
  return inserted && findCluster(tx, inserted.id);
}

export async function deleteCluster(tx: Queryable, id: string): Promise<void> {
  await tx.query('DELETE FROM clusters WHERE id = $1', [id]);
}

/** Name of the cluster that a server is. */
export async function findClusterName(db: Queryable, serverName: string): Promise<string | undefined> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM clusters WHERE server_name = $1', [serverName]);
  return rows[0]?.name;
}
