import type { PlannedGroup } from '../domain/users/group-document.ts';
import type { KindPrivileges, UserKind } from '../domain/users/kinds.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';

/** Where a group role has its rights. */
export interface GroupPlace {
  serverName: string;
  database: string;
}

/** A group role as it was last seen to. */
export interface UserGroup {
  kind: UserKind;
  role: string;
  privileges: KindPrivileges;
  /** Milliseconds since its rights were last seen to be complete. */
  ageMs: number;
}

const LIST = prepared(
  'list_user_groups',
  `SELECT kind, role_name AS role, privileges,
     (extract(epoch FROM now() - ensured_at) * 1000)::float8 AS "ageMs"
   FROM user_groups WHERE server_name = $1 AND database_name = $2 ORDER BY kind`,
);

/** Group roles of a database. */
export async function listGroups(db: Queryable, place: GroupPlace): Promise<UserGroup[]> {
  const { rows } = await db.query<UserGroup>(LIST([place.serverName, place.database]));
  return rows;
}

/** Records groups whose rights have just been seen to. */
export async function noteGroups(db: Queryable, groups: readonly (GroupPlace & PlannedGroup)[]): Promise<void> {
  if (groups.length === 0) return;
  // Of several requests of one round the last one counts.
  const latest = new Map(groups.map((group) => [`${group.database}\0${group.kind}`, group]));
  await db.query(
    `INSERT INTO user_groups AS g (server_name, database_name, kind, role_name, privileges, uncovered)
     SELECT * FROM jsonb_to_recordset($1)
       AS n ("serverName" text, database text, kind text, role text, privileges jsonb, uncovered text[])
     ON CONFLICT (server_name, database_name, kind) DO UPDATE SET role_name = excluded.role_name,
       privileges = excluded.privileges, uncovered = excluded.uncovered, ensured_at = now(), asked_at = now()`,
    [JSON.stringify([...latest.values()])],
  );
}

/**
 * Databases of the registry whose groups have not been seen to for a while, each taken by whoever asks first.
 * @param input.place only this database
 */
export async function takeStaleGroups(
  db: Queryable,
  input: { olderThanMs: number; place?: GroupPlace; limit: number },
): Promise<GroupPlace[]> {
  const { rows } = await db.query<GroupPlace>(
    `WITH stale AS (
       SELECT DISTINCT server_name, database_name FROM user_groups
       WHERE asked_at <= now() - make_interval(secs => $1 / 1000.0)
         AND ($2::text IS NULL OR server_name = $2) AND ($3::text IS NULL OR database_name = $3)
         AND EXISTS (SELECT FROM registry r
           WHERE r.server_name = user_groups.server_name AND r.db_name = database_name AND r.active)
       ORDER BY server_name, database_name LIMIT $4
     ), taken AS (
       UPDATE user_groups g SET asked_at = now() FROM stale s
       WHERE g.server_name = s.server_name AND g.database_name = s.database_name
         AND g.asked_at <= now() - make_interval(secs => $1 / 1000.0)
       RETURNING g.server_name, g.database_name
     )
     SELECT DISTINCT server_name AS "serverName", database_name AS database FROM taken`,
    [input.olderThanMs, input.place?.serverName ?? null, input.place?.database ?? null, input.limit],
  );
  return rows;
}
