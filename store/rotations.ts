import type { RotationConsumer, RotationDefinition } from '../domain/rotations/rotation.ts';
import type { Queryable } from './connection.ts';
import { type KeysetPage, keyset } from './keyset.ts';

/** A rotation as its row says. */
export interface RotationRecord extends RotationDefinition {
  id: string;
  pausedAt: Date | null;
  /** Rises with every change of the schedule. */
  revision: number;
  /** The newest one that Temporal has. */
  appliedRevision: number;
  currentLogin: string | null;
  /** Version of the sealed current password; 0: none is known. */
  secretVersion: number;
  rotatedAt: Date | null;
  actor: string;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
}

const COLUMNS = `r.id, r.server_name AS "serverName", r.role_name AS "roleName", r.strategy, r.schedule, r.options, r.consumers,
  r.paused_at AS "pausedAt", r.revision, r.applied_revision AS "appliedRevision", r.current_login AS "currentLogin",
  r.secret_version AS "secretVersion", r.rotated_at AS "rotatedAt", r.actor, r.created_at AS "createdAt", r.updated_at AS "updatedAt",
  r.deleted_at AS "deletedAt"`;

/** @returns undefined when the role has one already */
export async function insertRotation(
  tx: Queryable,
  input: RotationDefinition & { id: string; actor: string },
): Promise<RotationRecord | undefined> {
  const { id, actor, serverName, roleName, strategy, schedule, options, consumers } = input;
  const { rows } = await tx.query<RotationRecord>(
    `INSERT INTO rotations AS r (id, server_name, role_name, strategy, schedule, options, consumers, actor, applied_revision)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $5::jsonb IS NULL THEN 1 ELSE 0 END)
     ON CONFLICT (server_name, role_name) WHERE deleted_at IS NULL DO NOTHING RETURNING ${COLUMNS}`,
    [id, serverName, roleName, strategy, json(schedule), json(options), json(consumers), actor],
  );
  return rows[0];
}

const json = (value: unknown) => (value === null ? null : JSON.stringify(value));

export async function findRotation(db: Queryable, id: string): Promise<RotationRecord | undefined> {
  const { rows } = await db.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r WHERE r.id = $1 AND r.deleted_at IS NULL`,
    [id],
  );
  return rows[0];
}

/** The row, locked until the transaction ends. */
export async function lockRotation(tx: Queryable, id: string): Promise<RotationRecord | undefined> {
  return (await lockRotations(tx, [id]))[0];
}

/** The rows of several, locked in the order of their ids; those that are gone are missing. */
export async function lockRotations(tx: Queryable, ids: readonly string[]): Promise<RotationRecord[]> {
  const { rows } = await tx.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r WHERE r.id = ANY ($1) AND r.deleted_at IS NULL ORDER BY r.id FOR UPDATE`,
    [ids],
  );
  return rows;
}

/** A page of rotations, oldest or newest first; one row more where another page follows. */
export async function listRotations(
  db: Queryable,
  filter: { serverName?: string | undefined; serverNames?: readonly string[] | undefined },
  page: Omit<KeysetPage, 'orderField'>,
): Promise<RotationRecord[]> {
  const { condition, orderAndLimit, values } = keyset(
    { ...page, orderField: 'id' },
    { id: 'r.id', name: 'r.role_name' },
    3,
  );
  const { rows } = await db.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r
     WHERE r.deleted_at IS NULL AND ($1::text IS NULL OR r.server_name = $1)
       AND ($2::text[] IS NULL OR r.server_name = ANY ($2)) AND ${condition} ${orderAndLimit}`,
    [filter.serverName ?? null, filter.serverNames ?? null, ...values],
  );
  return rows;
}

/** Changes what is given. With a schedule or a pause the revision rises: Temporal is to be told. */
export async function updateRotation(
  tx: Queryable,
  id: string,
  change: Partial<Pick<RotationDefinition, 'schedule' | 'options'>> & {
    consumers?: RotationConsumer[];
    paused?: boolean;
  },
): Promise<RotationRecord> {
  const { schedule, options, consumers, paused } = change;
  const { rows } = await tx.query<RotationRecord>(
    `UPDATE rotations r SET
       schedule = CASE WHEN $2 THEN $3::jsonb ELSE r.schedule END,
       options = coalesce($4::jsonb, r.options), consumers = coalesce($5::jsonb, r.consumers),
       paused_at = CASE WHEN $6::boolean IS NULL THEN r.paused_at WHEN $6 THEN coalesce(r.paused_at, now()) END,
       revision = r.revision + CASE WHEN $2 OR $6 IS NOT NULL THEN 1 ELSE 0 END, updated_at = now()
     WHERE r.id = $1 RETURNING ${COLUMNS}`,
    [
      id,
      schedule !== undefined,
      json(schedule ?? null),
      options === undefined ? null : json(options),
      consumers === undefined ? null : json(consumers),
      paused ?? null,
    ],
  );
  if (rows[0] === undefined) throw new Error(`rotation ${id} vanished under its lock`);
  return rows[0];
}

/** The row stays until the schedule is gone. */
export async function markRotationDeleted(tx: Queryable, id: string): Promise<void> {
  await tx.query('UPDATE rotations SET deleted_at = now(), revision = revision + 1 WHERE id = $1', [id]);
}

/** Ends the rotations of roles that go with a database, with what is sealed for them. */
export async function endRotationsOf(tx: Queryable, databaseId: string): Promise<void> {
  await tx.query(
    `WITH ended AS (
       UPDATE rotations r SET deleted_at = now(), revision = r.revision + 1 FROM credentials c
       WHERE c.database_id = $1 AND r.server_name = c.server_name AND r.role_name = c.role_name AND r.deleted_at IS NULL
       RETURNING r.id
     )
     DELETE FROM secrets USING ended WHERE owner = 'rotation/' || ended.id`,
    [databaseId],
  );
}

/** Temporal has the schedule of this revision; of a deleted rotation, none any more. */
export async function noteApplied(db: Queryable, input: { id: string; revision: number }): Promise<void> {
  await db.query(
    'UPDATE rotations SET applied_revision = greatest(applied_revision, $2) WHERE id = $1 AND revision >= $2',
    [input.id, input.revision],
  );
  await db.query('DELETE FROM rotations WHERE id = $1 AND deleted_at IS NOT NULL AND applied_revision = revision', [
    input.id,
  ]);
}

/** Rotations whose schedule is not, or no longer, the one that Temporal has. */
export async function listUnapplied(db: Queryable, limit: number): Promise<RotationRecord[]> {
  const { rows } = await db.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r WHERE r.revision <> r.applied_revision ORDER BY r.id LIMIT $1`,
    [limit],
  );
  return rows;
}

/** Rotations with a schedule that Temporal should have, a page by id. */
export async function listScheduled(
  db: Queryable,
  page: { afterId: string | null; limit: number },
): Promise<RotationRecord[]> {
  const { rows } = await db.query<RotationRecord>(
    `SELECT ${COLUMNS} FROM rotations r
     WHERE r.deleted_at IS NULL AND r.schedule IS NOT NULL AND r.revision = r.applied_revision
       AND ($1::uuid IS NULL OR r.id > $1) ORDER BY r.id LIMIT $2`,
    [page.afterId, page.limit],
  );
  return rows;
}

/** The passwords of these logins are the current ones; null: the login stays. */
export async function settleRotations(
  tx: Queryable,
  settled: readonly { id: string; login: string | null; secretVersion: number }[],
): Promise<void> {
  await tx.query(
    `UPDATE rotations r SET current_login = coalesce(s.login, r.current_login), secret_version = s.version, rotated_at = now()
     FROM unnest($1::uuid[], $2::text[], $3::int[]) AS s (id, login, version) WHERE r.id = s.id`,
    [settled.map(({ id }) => id), settled.map(({ login }) => login), settled.map(({ secretVersion }) => secretVersion)],
  );
}

/** Roles of a server that another login stands for, with the sealed password of that login. */
export interface StandIn {
  serverName: string;
  roleName: string;
  rotationId: string;
  login: string;
  secretVersion: number;
}

/** Of the roles of these servers, those that an alternating rotation has given another login. */
export async function standInsOf(db: Queryable, serverNames: readonly string[]): Promise<StandIn[]> {
  const { rows } = await db.query<StandIn>(
    `SELECT server_name AS "serverName", role_name AS "roleName", id AS "rotationId", current_login AS login,
       secret_version AS "secretVersion"
     FROM rotations WHERE server_name = ANY ($1) AND current_login IS NOT NULL AND deleted_at IS NULL`,
    [serverNames],
  );
  return rows;
}

/**
 * Servers that the password of a role is of, the named one first: a user of a database that is on several servers has one password.
 */
export async function serversOfRole(
  db: Queryable,
  { serverName, roleName }: Pick<RotationDefinition, 'serverName' | 'roleName'>,
): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT s.server_name AS name FROM credentials c JOIN database_servers s USING (database_id)
     WHERE c.server_name = $1 AND c.role_name = $2 AND s.server_name <> $1 ORDER BY 1`,
    [serverName, roleName],
  );
  return [serverName, ...rows.map(({ name }) => name)];
}

/** Another server where the same password has a rotation; undefined: none. */
export async function otherRotationOf(
  db: Queryable,
  of: { roleName: string; servers: readonly string[] },
): Promise<string | undefined> {
  const [own, ...others] = of.servers;
  const { rows } = await db.query<{ name: string }>(
    `SELECT server_name AS name FROM rotations
     WHERE role_name = $1 AND server_name = ANY ($2) AND server_name <> $3 AND deleted_at IS NULL LIMIT 1`,
    [of.roleName, others, own],
  );
  return rows[0]?.name;
}
