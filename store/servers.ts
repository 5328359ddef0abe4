import type { Queryable } from './connection.ts';

/** How connections to a server are protected. */
export interface ServerTls {
  mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM of the CA that signed the server's certificate. */
  caCertificate?: string;
}

/** A registered PostgreSQL server, or a primary with its standbys. */
export interface ServerRecord {
  name: string;
  systemIdentifier: string;
  endpoints: { address: string; port: number }[];
  maintenanceDb: string;
  tls: ServerTls;
  adminUser: string;
  adminSecretId: string;
  /** `server_version_num`, such as 180004. */
  versionNum: number;
  maxConnections: number;
  /** superuser_reserved_connections + reserved_connections. */
  reservedConnections: number;
  labels: Record<string, string>;
}

const COLUMNS = `name, system_identifier AS "systemIdentifier", endpoints, maintenance_db AS "maintenanceDb", tls,
  admin_user AS "adminUser", admin_secret_id AS "adminSecretId", version_num AS "versionNum",
  max_connections AS "maxConnections", reserved_connections AS "reservedConnections", labels`;

export async function findServer(db: Queryable, name: string): Promise<ServerRecord | undefined> {
  const { rows } = await db.query<ServerRecord>(`SELECT ${COLUMNS} FROM servers WHERE name = $1`, [name]);
  return rows[0];
}

/** Servers of the given names, in no particular order. */
export async function listServers(db: Queryable, names: readonly string[]): Promise<ServerRecord[]> {
  const { rows } = await db.query<ServerRecord>(`SELECT ${COLUMNS} FROM servers WHERE name = ANY ($1)`, [names]);
  return rows;
}

/** Registers a server or refreshes what is known of it. */
export async function upsertServer(db: Queryable, server: ServerRecord): Promise<void> {
  await db.query(
    `INSERT INTO servers (name, system_identifier, endpoints, maintenance_db, tls, admin_user, admin_secret_id,
                          version_num, max_connections, reserved_connections, labels)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (name) DO UPDATE SET
       system_identifier = excluded.system_identifier, endpoints = excluded.endpoints,
       maintenance_db = excluded.maintenance_db, tls = excluded.tls, admin_user = excluded.admin_user,
       admin_secret_id = excluded.admin_secret_id, version_num = excluded.version_num,
       max_connections = excluded.max_connections, reserved_connections = excluded.reserved_connections,
       labels = excluded.labels, updated_at = now()`,
    [
      server.name,
      server.systemIdentifier,
      JSON.stringify(server.endpoints),
      server.maintenanceDb,
      server.tls,
      server.adminUser,
      server.adminSecretId,
      server.versionNum,
      server.maxConnections,
      server.reservedConnections,
      server.labels,
    ],
  );
}

/** Connections that managed services of a server may open at most: Σ(pool + 1) over accepted instances (R21). */
export async function reservedServiceConnections(
  db: Queryable,
  input: { serverName: string; exceptDatabaseId: string },
): Promise<number> {
  const { rows } = await db.query<{ total: number }>(
    `SELECT coalesce(sum(coalesce((service -> 'config' ->> 'db_pool')::numeric, 10) + 1), 0)::int AS total
     FROM databases d
     JOIN database_servers s ON s.database_id = d.id AND s.server_name = $1
     CROSS JOIN jsonb_array_elements(coalesce(d.spec -> 'services', '[]')) AS service
     CROSS JOIN jsonb_array_elements(service -> 'host_ids') AS host
     WHERE d.id <> $2 AND d.state <> 'failed'`,
    [input.serverName, input.exceptDatabaseId],
  );
  return rows[0]?.total ?? 0;
}
