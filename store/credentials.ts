import type { UserRecord } from '../domain/access/request-options.ts';
import type { Queryable } from './connection.ts';

/** How a role came to belong to its owner. */
export type CredentialOrigin = 'user' | 'owner' | 'script' | 'adopted' | 'engine';

/** Owner of roles that were made through the role engine itself. */
export const ENGINE_OWNER = 'roles';
/** Owner of the group roles of the user API: nobody else changes them. */
export const GROUP_OWNER = 'users';

/** Whether a role of this owner was made by a request, and has what rights it has through this control plane. */
export function isMadeByRequest(owner: string | undefined): boolean {
  return owner === ENGINE_OWNER || owner?.startsWith('cluster/') === true;
}

/** A role of a server that this installation manages (R8). */
export interface CredentialRecord {
  serverName: string;
  roleName: string;
  /** `database/<id>` for roles of a managed database. */
  owner: string;
  databaseId: string | null;
  origin: CredentialOrigin;
  secretId: string | null;
  version: number;
  roleOid: number | null;
}

const COLUMNS = `server_name AS "serverName", role_name AS "roleName", owner, database_id AS "databaseId", origin,
  secret_id AS "secretId", version, role_oid AS "roleOid"`;

/**
 * Takes roles for a database.
 * @returns the roles that another owner holds; nothing is taken then, the caller rolls back (R1, R8).
 */
export async function claimCredentials(
  db: Queryable,
  claims: Omit<CredentialRecord, 'roleOid'>[],
): Promise<CredentialRecord[]> {
  if (claims.length === 0) return [];
  // In the order of the key, so that two requests never wait for each other crosswise.
  const ordered = claims.toSorted((a, b) => {
    const left = `${a.serverName}\0${a.roleName}`;
    const right = `${b.serverName}\0${b.roleName}`;
    return left < right ? -1 : left > right ? 1 : 0;
  });
  const inserted = await db.query(
    `INSERT INTO credentials (server_name, role_name, owner, database_id, origin, secret_id, version)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
     ON CONFLICT (server_name, role_name) DO NOTHING`,
    [
      ordered.map((c) => c.serverName),
      ordered.map((c) => c.roleName),
      ordered.map((c) => c.owner),
      ordered.map((c) => c.databaseId),
      ordered.map((c) => c.origin),
      ordered.map((c) => c.secretId),
      ordered.map((c) => c.version),
    ],
  );
  if (inserted.rowCount === ordered.length) return [];
  const { rows } = await db.query<CredentialRecord>(
    `SELECT ${COLUMNS} FROM credentials
     JOIN unnest($1::text[], $2::text[], $3::text[]) AS claim (s, r, o)
       ON server_name = s AND role_name = r AND owner <> o
     ORDER BY server_name, role_name`,
    [ordered.map((c) => c.serverName), ordered.map((c) => c.roleName), ordered.map((c) => c.owner)],
  );
  return rows;
}

/**
 * Records roles that a database's `post_init` made. One that the database had claimed for a user of its own is the
 * script's from then on.
 * @returns names of roles that another owner has claimed: those are not taken (R1)
 */
export async function recordScriptRoles(
  db: Queryable,
  input: { serverName: string; databaseId: string; owner: string; roles: { name: string; oid: number }[] },
): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `INSERT INTO credentials (server_name, role_name, owner, database_id, origin, version, role_oid)
     SELECT $1, name, $2, $3, 'script', 1, oid FROM unnest($4::text[], $5::bigint[]) AS made (name, oid) ORDER BY name
     ON CONFLICT (server_name, role_name) DO UPDATE SET origin = 'script', role_oid = excluded.role_oid
       WHERE credentials.owner = excluded.owner
     RETURNING role_name AS name`,
    [
      input.serverName,
      input.owner,
      input.databaseId,
      input.roles.map((role) => role.name),
      input.roles.map((role) => role.oid),
    ],
  );
  const recorded = new Set(rows.map((row) => row.name));
  return input.roles.map((role) => role.name).filter((name) => !recorded.has(name));
}

/** Roles recorded for a database, on every server. */
export async function listCredentials(db: Queryable, databaseId: string): Promise<CredentialRecord[]> {
  const { rows } = await db.query<CredentialRecord>(
    `SELECT ${COLUMNS} FROM credentials WHERE database_id = $1 ORDER BY server_name, role_name`,
    [databaseId],
  );
  return rows;
}

/** Records the OIDs of roles that now exist. */
export async function recordRoleOids(
  db: Queryable,
  input: { serverName: string; roles: { roleName: string; oid: number }[] },
): Promise<void> {
  await db.query(
    `UPDATE credentials SET role_oid = found.oid, version = greatest(version, 1)
     FROM unnest($2::text[], $3::bigint[]) AS found (name, oid)
     WHERE server_name = $1 AND role_name = found.name`,
    [input.serverName, input.roles.map((r) => r.roleName), input.roles.map((r) => r.oid)],
  );
}

/** Forgets every role of a database, or the named ones of one server. */
export async function deleteCredentials(
  db: Queryable,
  input: { databaseId: string; serverName?: string; roleNames?: string[] },
): Promise<void> {
  await db.query(
    `DELETE FROM credentials WHERE database_id = $1
       AND ($2::text IS NULL OR server_name = $2) AND ($3::text[] IS NULL OR role_name = ANY ($3))`,
    [input.databaseId, input.serverName ?? null, input.roleNames ?? null],
  );
}

interface SharedRoleUse {
  serverName: string;
  roleName: string;
  databaseId: string;
}

/** Records that a database uses a shared role. Written before the role is made, so that a concurrent drop sees it. */
export async function addSharedRoleUser(db: Queryable, use: SharedRoleUse): Promise<void> {
  await db.query(
    `INSERT INTO shared_role_users (server_name, role_name, database_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [use.serverName, use.roleName, use.databaseId],
  );
}

/** Removes a user of a shared role. @returns how many are left. */
export async function removeSharedRoleUser(db: Queryable, use: SharedRoleUse): Promise<number> {
  await db.query('DELETE FROM shared_role_users WHERE server_name = $1 AND role_name = $2 AND database_id = $3', [
    use.serverName,
    use.roleName,
    use.databaseId,
  ]);
  const { rows } = await db.query<{ left: number }>(
    'SELECT count(*)::int AS left FROM shared_role_users WHERE server_name = $1 AND role_name = $2',
    [use.serverName, use.roleName],
  );
  return rows[0]?.left ?? 0;
}

/** Of the given roles, those that another database or family holds on one of the servers. */
export async function rolesOfOthers(
  db: Queryable,
  input: { serverNames: readonly string[]; roleNames: readonly string[]; databaseId: string },
): Promise<string[]> {
  const { rows } = await db.query<{ roleName: string }>(
    `SELECT DISTINCT role_name AS "roleName" FROM credentials
     WHERE server_name = ANY ($1) AND role_name = ANY ($2) AND database_id IS DISTINCT FROM $3`,
    [input.serverNames, input.roleNames, input.databaseId],
  );
  return rows.map((row) => row.roleName);
}

/**
 * Roles of a server that belong to something else than the role engine itself: name → owner.
 * @param beside owners whose roles are left out as well: the logins of leases may be thousands
 */
export async function foreignRoles(
  db: Queryable,
  serverName: string,
  beside: readonly string[] = [],
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ role: string; owner: string }>(
    'SELECT role_name AS role, owner FROM credentials WHERE server_name = $1 AND owner <> ALL ($2)',
    [serverName, [ENGINE_OWNER, ...beside]],
  );
  return new Map(rows.map(({ role, owner }) => [role, owner]));
}

/** What was done to a role, for its credential row. */
export interface RoleNote {
  roleName: string;
  oid: number;
  /** HMAC of the password that was set now; undefined where none was. */
  passwordFingerprint?: string;
  /** Owner of a role that is not on record yet; the engine unless given. */
  owner?: string;
  /** What it was made for, where it was made for an environment. */
  user?: UserRecord;
  /** It is kept from logging in now, or no longer; undefined leaves that as it is. */
  disabled?: boolean;
}

/**
 * Records roles that the role engine made or gave a password: a row for each, and a new version with each password. A role that
 * belongs to another owner keeps it. Part of a statement; its {@link roleNoteValues} begin at `$first`.
 */
export const NOTE_ROLES = (first: number): string => {
  const [server, names, oids, fingerprints, owners, environments, kinds, disabled] = Array.from(
    { length: 8 },
    (_, index) => `$${first + index}`,
  );
  const noted = `(
     SELECT * FROM unnest(${names}::text[], ${oids}::bigint[], ${fingerprints}::text[], ${owners}::text[],
       ${environments}::text[], ${kinds}::text[], ${disabled}::boolean[])
       AS noted (name, oid, fingerprint, owner, environment, kind, disabled)
   )`;
  return `INSERT INTO credentials AS c (server_name, role_name, owner, origin, version, role_oid, password_fingerprint,
     environment, user_kind, disabled_at)
   SELECT ${server}, name, owner, 'engine', CASE WHEN fingerprint IS NULL THEN 0 ELSE 1 END, oid, fingerprint,
     environment, kind, CASE WHEN disabled THEN now() END
   FROM ${noted} AS noted ORDER BY name
   ON CONFLICT (server_name, role_name) DO UPDATE SET role_oid = excluded.role_oid,
     version = c.version + excluded.version,
     password_fingerprint = coalesce(excluded.password_fingerprint, c.password_fingerprint),
     -- A role that was made anew under the name of one that is gone belongs where it was made for now.
     environment = CASE WHEN c.role_oid = excluded.role_oid THEN coalesce(excluded.environment, c.environment)
                        ELSE excluded.environment END,
     user_kind = CASE WHEN c.role_oid = excluded.role_oid THEN coalesce(excluded.user_kind, c.user_kind)
                      ELSE excluded.user_kind END,
     disabled_at = CASE WHEN excluded.disabled_at IS NOT NULL THEN excluded.disabled_at
                        WHEN c.role_name IN (SELECT n.name FROM ${noted} AS n WHERE n.disabled IS FALSE)
                          OR c.role_oid IS DISTINCT FROM excluded.role_oid THEN NULL
                        ELSE c.disabled_at END`;
};

/** Values of the eight parameters of {@link NOTE_ROLES}. */
export function roleNoteValues(input: { serverName: string; roles: readonly RoleNote[] }): unknown[] {
  return [
    input.serverName,
    input.roles.map(({ roleName }) => roleName),
    input.roles.map(({ oid }) => oid),
    input.roles.map(({ passwordFingerprint }) => passwordFingerprint ?? null),
    input.roles.map(({ owner }) => owner ?? ENGINE_OWNER),
    input.roles.map(({ user }) => user?.environment ?? null),
    input.roles.map(({ user }) => user?.kind ?? null),
    input.roles.map(({ disabled }) => disabled ?? null),
  ];
}

/** {@link NOTE_ROLES} alone. */
export async function noteRoles(
  db: Queryable,
  input: { serverName: string; roles: readonly RoleNote[] },
): Promise<void> {
  if (input.roles.length === 0) return;
  await db.query(NOTE_ROLES(1), roleNoteValues(input));
}

/** Fingerprints of the passwords that were set last, of roles that still have the OID they had then. */
export async function passwordFingerprints(
  db: Queryable,
  input: { serverName: string; roles: readonly { roleName: string; oid: number }[] },
): Promise<Map<string, string>> {
  const { rows } = await db.query<{ name: string; fingerprint: string }>(
    `SELECT role_name AS name, password_fingerprint AS fingerprint FROM credentials
     JOIN unnest($2::text[], $3::bigint[]) AS seen (name, oid) ON role_name = seen.name AND role_oid = seen.oid
     WHERE server_name = $1 AND password_fingerprint IS NOT NULL`,
    [input.serverName, input.roles.map(({ roleName }) => roleName), input.roles.map(({ oid }) => oid)],
  );
  return new Map(rows.map(({ name, fingerprint }) => [name, fingerprint]));
}

/** Records which version of its secret a role of a database has now. */
export async function recordSecretVersions(
  db: Queryable,
  input: { databaseId: string; secrets: readonly { roleName: string; secretId: string; version: number }[] },
): Promise<void> {
  if (input.secrets.length === 0) return;
  await db.query(
    `UPDATE credentials c SET secret_id = s."secretId", version = s.version
     FROM jsonb_to_recordset($2) AS s ("roleName" text, "secretId" text, version int)
     WHERE c.database_id = $1 AND c.role_name = s."roleName"`,
    [input.databaseId, JSON.stringify(input.secrets)],
  );
}
