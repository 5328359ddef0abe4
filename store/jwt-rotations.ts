import type { Queryable } from './connection.ts';

export const JWT_ROTATION_STATES = ['opening', 'overlap', 'closing', 'completed', 'superseded', 'failed'] as const;
export type JwtRotationState = (typeof JWT_ROTATION_STATES)[number];

/** The way from one JWT key of a service to the next. */
export interface JwtRotationRecord {
  id: string;
  databaseId: string;
  serviceId: string;
  state: JwtRotationState;
  reason: string | null;
  /** Version of the service's secret that holds both keys. */
  secretVersion: number;
  /** How many keys of that set are the new ones, from the first on; whether they were given as text. */
  newKeys: number;
  asText: boolean;
  graceSeconds: number;
  openingTask: string;
  closingTask: string | null;
  graceEndsAt: Date | null;
  actor: string;
  createdAt: Date;
  endedAt: Date | null;
}

const COLUMNS = `id, database_id AS "databaseId", service_id AS "serviceId", state, reason, secret_version AS "secretVersion",
  new_keys AS "newKeys", as_text AS "asText", grace_seconds AS "graceSeconds", opening_task AS "openingTask",
  closing_task AS "closingTask", grace_ends_at AS "graceEndsAt", actor, created_at AS "createdAt", ended_at AS "endedAt"`;
const OPEN = `state IN ('opening', 'overlap', 'closing')`;

/** @throws unique_violation where one is under way for the service */
export async function insertJwtRotation(
  tx: Queryable,
  rotation: Pick<
    JwtRotationRecord,
    | 'id'
    | 'databaseId'
    | 'serviceId'
    | 'secretVersion'
    | 'newKeys'
    | 'asText'
    | 'graceSeconds'
    | 'openingTask'
    | 'actor'
  >,
): Promise<JwtRotationRecord> {
  const { rows } = await tx.query<JwtRotationRecord>(
    `INSERT INTO jwt_rotations (id, database_id, service_id, secret_version, new_keys, as_text, grace_seconds, opening_task, actor)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
    [
      rotation.id,
      rotation.databaseId,
      rotation.serviceId,
      rotation.secretVersion,
      rotation.newKeys,
      rotation.asText,
      rotation.graceSeconds,
      rotation.openingTask,
      rotation.actor,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('INSERT INTO jwt_rotations returned no row');
  return row;
}

export async function findJwtRotation(db: Queryable, id: string): Promise<JwtRotationRecord | undefined> {
  const { rows } = await db.query<JwtRotationRecord>(`SELECT ${COLUMNS} FROM jwt_rotations WHERE id = $1`, [id]);
  return rows[0];
}

/** The newest one of a service. */
export async function newestJwtRotation(
  db: Queryable,
  of: { databaseId: string; serviceId: string },
): Promise<JwtRotationRecord | undefined> {
  const { rows } = await db.query<JwtRotationRecord>(
    `SELECT ${COLUMNS} FROM jwt_rotations WHERE database_id = $1 AND service_id = $2 ORDER BY id DESC LIMIT 1`,
    [of.databaseId, of.serviceId],
  );
  return rows[0];
}

/** Those under way, oldest first. */
export async function openJwtRotations(
  db: Queryable,
  input: { olderThanMs: number; limit: number },
): Promise<JwtRotationRecord[]> {
  const { rows } = await db.query<JwtRotationRecord>(
    `SELECT ${COLUMNS} FROM jwt_rotations WHERE ${OPEN} AND created_at <= now() - make_interval(secs => $1 / 1000.0)
     ORDER BY id LIMIT $2`,
    [input.olderThanMs, input.limit],
  );
  return rows;
}

/** Moves a rotation on; the caller holds the row of its database. */
export async function moveJwtRotation(
  tx: Queryable,
  input: {
    id: string;
    state: JwtRotationState;
    reason?: string | null;
    graceEndsAt?: Date;
    closingTask?: string;
  },
): Promise<void> {
  const ended = ['completed', 'superseded', 'failed'].includes(input.state);
  await tx.query(
    `UPDATE jwt_rotations SET state = $2, reason = $3, grace_ends_at = coalesce($4, grace_ends_at),
       closing_task = coalesce($5, closing_task), ended_at = CASE WHEN $6 THEN now() ELSE ended_at END WHERE id = $1`,
    [input.id, input.state, input.reason ?? null, input.graceEndsAt ?? null, input.closingTask ?? null, ended],
  );
}
