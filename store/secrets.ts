import type { Queryable } from './connection.ts';

/** One sealed version of a secret, as `platform/secrets/seal.ts` made it. */
export interface StoredSecret {
  id: string;
  owner: string;
  version: number;
  keyId: string;
  sealed: Buffer;
}

/** Id of the password of a role that belongs to a database. */
export const userSecretId = (databaseId: string, username: string): string => `database/${databaseId}/user/${username}`;
/** Id of the JWT secret of a service. */
export const jwtSecretId = (databaseId: string, serviceId: string): string => `database/${databaseId}/jwt/${serviceId}`;
/** Owner of every secret of a database: all go when it goes. */
export const databaseSecretOwner = (databaseId: string): string => `database/${databaseId}`;

/** Id of a password that a request gave a role. */
export const taskSecretId = (taskId: string, role: string): string => `task/${taskId}/role/${role}`;
/** Owner of the secrets of a request: they go some time after it has ended. */
export const taskSecretOwner = (taskId: string): string => `task/${taskId}`;

export async function insertSecrets(db: Queryable, secrets: readonly StoredSecret[]): Promise<void> {
  if (secrets.length === 0) return;
  await db.query(
    `INSERT INTO secrets (id, owner, version, key_id, sealed)
     SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::bytea[])`,
    [
      secrets.map((s) => s.id),
      secrets.map((s) => s.owner),
      secrets.map((s) => s.version),
      secrets.map((s) => s.keyId),
      secrets.map((s) => s.sealed),
    ],
  );
}

/** The newest version of each of `ids`; ids without a secret are missing from the answer. */
export async function currentSecrets(db: Queryable, ids: readonly string[]): Promise<Map<string, StoredSecret>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<StoredSecret>(
    `SELECT DISTINCT ON (id) id, owner, version, key_id AS "keyId", sealed
     FROM secrets WHERE id = ANY ($1) ORDER BY id, version DESC`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Exactly these versions; one that is gone is missing from the answer. */
export async function secretsAt(
  db: Queryable,
  versions: Readonly<Record<string, number>>,
): Promise<Map<string, StoredSecret>> {
  const ids = Object.keys(versions);
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<StoredSecret>(
    `SELECT id, owner, version, key_id AS "keyId", sealed FROM secrets
     JOIN unnest($1::text[], $2::int[]) AS wanted (wanted_id, wanted_version) ON id = wanted_id AND version = wanted_version`,
    [ids, Object.values(versions)],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Of an owner's secrets, keeps only these versions. */
export async function keepSecrets(
  db: Queryable,
  input: { owner: string; versions: Readonly<Record<string, number>> },
): Promise<void> {
  await db.query(
    `DELETE FROM secrets s WHERE owner = $1 AND NOT EXISTS (
       SELECT FROM unnest($2::text[], $3::int[]) AS kept (id, version) WHERE kept.id = s.id AND kept.version = s.version)`,
    [input.owner, Object.keys(input.versions), Object.values(input.versions)],
  );
}

/** Drops the versions before these, of the same ids. */
export async function dropOlderVersions(
  db: Queryable,
  kept: readonly Pick<StoredSecret, 'id' | 'version'>[],
): Promise<void> {
  await db.query(
    `DELETE FROM secrets s USING unnest($1::text[], $2::int[]) AS kept (id, version)
     WHERE s.id = kept.id AND s.version < kept.version`,
    [kept.map(({ id }) => id), kept.map(({ version }) => version)],
  );
}

/** Secrets of these owners, newest versions only. */
export async function secretsOf(db: Queryable, owners: readonly string[]): Promise<StoredSecret[]> {
  const { rows } = await db.query<StoredSecret>(
    `SELECT DISTINCT ON (id) id, owner, version, key_id AS "keyId", sealed
     FROM secrets WHERE owner = ANY ($1) ORDER BY id, version DESC`,
    [owners],
  );
  return rows;
}

/** Removes the secrets of requests that ended more than `minutes` ago: until then the same caller may see them again (R7). */
export async function pruneTaskSecrets(db: Queryable, minutes: number): Promise<void> {
  await db.query(
    `DELETE FROM secrets s USING tasks t WHERE s.owner = 'task/' || t.id
       AND t.completed_at <= now() - make_interval(mins => $1)`,
    [minutes],
  );
}

export async function deleteSecretsOf(db: Queryable, owner: string): Promise<void> {
  await db.query('DELETE FROM secrets WHERE owner = $1', [owner]);
}
