import type { ServerFacts } from '../domain/servers/probe.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';
import type { StoredSecret } from './secrets.ts';

/** How connections to a server are protected. */
export interface ServerTls {
  mode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM of the CA that signed the server's certificate. */
  caCertificate?: string;
}

/** What an administrator allows on a server. */
export interface ServerSettings {
  /** Passwords may be sent as they are, for an extension that refuses verifiers. */
  allowPlainTextPasswords: boolean;
}

/** What is registered of a PostgreSQL server, or of a primary with its standbys. */
export interface ServerRegistration {
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
  settings: ServerSettings;
}

/** A registered server. */
export interface ServerRecord extends ServerRegistration {
  /** What it said of itself when it was last asked with success. */
  probe: ServerFacts | null;
  probedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** Owner of a server's secrets in the secret store. */
export const serverSecretOwner = (name: string): string => `server/${name}`;
/** Id of the password of a server's admin role. */
export const adminSecretId = (name: string): string => `server/${name}/admin`;

const COLUMNS = `name, system_identifier AS "systemIdentifier", endpoints, maintenance_db AS "maintenanceDb", tls,
  admin_user AS "adminUser", admin_secret_id AS "adminSecretId", version_num AS "versionNum",
  max_connections AS "maxConnections", reserved_connections AS "reservedConnections", labels,
  jsonb_build_object('allowPlainTextPasswords', false) || settings AS settings, probe, probed_at AS "probedAt",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

export async function findServer(db: Queryable, name: string): Promise<ServerRecord | undefined> {
  const { rows } = await db.query<ServerRecord>(`SELECT ${COLUMNS} FROM servers WHERE name = $1`, [name]);
  return rows[0];
}

const FIND_WITH_SECRET = prepared(
  'find_server_with_secret',
  `SELECT ${COLUMNS}, s.* FROM servers LEFT JOIN LATERAL (
     SELECT id AS "secretId", owner AS "secretOwner", version AS "secretVersion", key_id AS "keyId", sealed
     FROM secrets WHERE id = admin_secret_id ORDER BY version DESC LIMIT 1
   ) s ON true WHERE name = $1`,
);

/** A server with the newest version of its admin role's password. */
export async function findServerWithSecret(
  db: Queryable,
  name: string,
): Promise<{ server: ServerRecord; secret: StoredSecret | undefined } | undefined> {
  type Row = ServerRecord & { secretId: string | null; secretOwner: string; secretVersion: number } & Pick<
      StoredSecret,
      'keyId' | 'sealed'
    >;
  const { rows } = await db.query<Row>(FIND_WITH_SECRET([name]));
  const [row] = rows;
  if (row === undefined) return undefined;
  const { secretId, secretOwner, secretVersion, keyId, sealed, ...server } = row;
  const secret =
    secretId === null ? undefined : { id: secretId, owner: secretOwner, version: secretVersion, keyId, sealed };
  return { server, secret };
}

/** Takes the row until the transaction ends: nobody changes the server or begins to use it meanwhile. */
export async function lockServer(db: Queryable, name: string): Promise<ServerRecord | undefined> {
  const { rows } = await db.query<ServerRecord>(`SELECT ${COLUMNS} FROM servers WHERE name = $1 FOR UPDATE`, [name]);
  return rows[0];
}

/** Servers of the given names, in no particular order. */
export async function listServers(db: Queryable, names: readonly string[]): Promise<ServerRecord[]> {
  const { rows } = await db.query<ServerRecord>(`SELECT ${COLUMNS} FROM servers WHERE name = ANY ($1)`, [names]);
  return rows;
}

/** Every server that has all of `labels`, by name; of `names` only where they are given. */
export async function listServersByLabels(
  db: Queryable,
  labels: Record<string, string>,
  names?: readonly string[],
): Promise<ServerRecord[]> {
  const { rows } = await db.query<ServerRecord>(
    `SELECT ${COLUMNS} FROM servers WHERE labels @> $1 AND ($2::text[] IS NULL OR name = ANY ($2)) ORDER BY name`,
    [labels, names ?? null],
  );
  return rows;
}

/** Name under which a cluster is registered. */
export async function findNameOfCluster(db: Queryable, systemIdentifier: string): Promise<string | undefined> {
  const { rows } = await db.query<{ name: string }>('SELECT name FROM servers WHERE system_identifier = $1', [
    systemIdentifier,
  ]);
  return rows[0]?.name;
}

/** Servers with an endpoint at this address, by name; they stay until the transaction ends. */
export async function serversAt(tx: Queryable, endpoint: { address: string; port: number }): Promise<string[]> {
  const { rows } = await tx.query<{ name: string }>(
    'SELECT name FROM servers WHERE endpoints @> $1 ORDER BY name FOR KEY SHARE',
    [JSON.stringify([endpoint])],
  );
  return rows.map(({ name }) => name);
}

/** The same for many addresses at once, without a hold on what is found. */
export async function serversAtEach(
  db: Queryable,
  endpoints: readonly { address: string; port: number }[],
): Promise<{ address: string; port: number; names: string[] }[]> {
  const { rows } = await db.query<{ address: string; port: number; names: string[] }>(
    `SELECT e.address, e.port, array_agg(s.name ORDER BY s.name) AS names
     FROM jsonb_to_recordset($1) AS e (address text, port integer)
     JOIN servers s ON s.endpoints @> jsonb_build_array(jsonb_build_object('address', e.address, 'port', e.port))
     GROUP BY e.address, e.port`,
    [JSON.stringify(endpoints)],
  );
  return rows;
}

/** Those of the names that are registered; they stay until the transaction ends. */
export async function holdServers(tx: Queryable, names: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ name: string }>(
    'SELECT name FROM servers WHERE name = ANY ($1) ORDER BY name FOR KEY SHARE',
    [names],
  );
  return new Set(rows.map(({ name }) => name));
}

/** Whether there is such a server; it then stays until the transaction ends. */
export async function holdServer(tx: Queryable, name: string): Promise<boolean> {
  const { rowCount } = await tx.query('SELECT FROM servers WHERE name = $1 FOR KEY SHARE', [name]);
  return rowCount === 1;
}

const values = (server: ServerRegistration): unknown[] => [
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
  server.settings,
];

/** @returns the new record; undefined when its name or its cluster is registered already */
export async function insertServer(db: Queryable, server: ServerRegistration): Promise<ServerRecord | undefined> {
  const { rows } = await db.query<ServerRecord>(
    `INSERT INTO servers (name, system_identifier, endpoints, maintenance_db, tls, admin_user, admin_secret_id,
                          version_num, max_connections, reserved_connections, labels, settings)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    values(server),
  );
  return rows[0];
}

/** @returns the changed record; undefined when there is no such server, or its cluster is registered under another name */
export async function updateServer(db: Queryable, server: ServerRegistration): Promise<ServerRecord | undefined> {
  const { rows } = await db.query<ServerRecord>(
    `UPDATE servers SET system_identifier = $2, endpoints = $3, maintenance_db = $4, tls = $5, admin_user = $6,
       admin_secret_id = $7, version_num = $8, max_connections = $9, reserved_connections = $10, labels = $11,
       settings = $12, updated_at = now()
     WHERE name = $1 AND NOT EXISTS (SELECT FROM servers o WHERE o.system_identifier = $2 AND o.name <> $1)
     RETURNING ${COLUMNS}`,
    values(server),
  );
  return rows[0];
}

/** Keeps what a server said of itself. */
export async function recordProbe(
  db: Queryable,
  input: { name: string; facts: ServerFacts },
): Promise<ServerRecord | undefined> {
  const { name, facts } = input;
  const { rows } = await db.query<ServerRecord>(
    `UPDATE servers SET probe = $2, probed_at = now(), version_num = $3, max_connections = $4, reserved_connections = $5
     WHERE name = $1 RETURNING ${COLUMNS}`,
    [name, facts, facts.versionNum, facts.limits.maxConnections, facts.limits.reserved],
  );
  return rows[0];
}

/** What uses a server, in words: `host host-1`, `database storefront`, `3 managed roles`. Empty when nothing does. */
export async function usersOfServer(db: Queryable, name: string): Promise<string[]> {
  const { rows } = await db.query<{ text: string }>(
    `SELECT text FROM (
       SELECT 1 AS place, 'host ' || id AS text FROM hosts WHERE server_name = $1
       UNION ALL SELECT DISTINCT 2, 'database ' || database_id FROM database_servers WHERE server_name = $1
       UNION ALL SELECT 3, count(*) || ' managed role' || CASE count(*) WHEN 1 THEN '' ELSE 's' END
         FROM credentials WHERE server_name = $1 HAVING count(*) > 0
       UNION ALL SELECT DISTINCT 4, 'role ' || role_name || ', which several databases share'
         FROM shared_role_users WHERE server_name = $1
       UNION ALL SELECT 5, count(*) || ' registry entr' || CASE count(*) WHEN 1 THEN 'y' ELSE 'ies' END
         FROM registry WHERE server_name = $1 HAVING count(*) > 0
       UNION ALL SELECT 6, 'cluster ' || name FROM clusters WHERE server_name = $1
       UNION ALL SELECT 7, 'the rotation of role ' || role_name FROM rotations
         WHERE server_name = $1 AND deleted_at IS NULL
       UNION ALL SELECT 8, 'task ' || id FROM tasks
         WHERE scope = 'server' AND entity_id = $1 AND status IN ('pending', 'running', 'canceling')
     ) AS users ORDER BY place, text`,
    [name],
  );
  return rows.map(({ text }) => text);
}

/** Only a server that nothing uses can be deleted. */
export async function deleteServer(db: Queryable, name: string): Promise<void> {
  await db.query('DELETE FROM servers WHERE name = $1', [name]);
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
