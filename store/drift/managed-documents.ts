import type { Queryable } from '../connection.ts';

/** The document that a server is held against. */
export interface ManagedDocument {
  /** `applied`: the one that was applied last; `named`: one that somebody named, which comes first. */
  source: 'applied' | 'named';
  /** Without secrets. */
  document: unknown;
  taskId: string | null;
  actor: string;
  /** Whoever applied it is no administrator: what is repaired by it is judged by that. */
  withoutAdminRole: boolean;
  recordedAt: Date;
}

const COLUMNS = `source, document, task_id AS "taskId", actor, without_admin_role AS "withoutAdminRole",
  recorded_at AS "recordedAt"`;

export async function findManagedDocument(db: Queryable, serverName: string): Promise<ManagedDocument | undefined> {
  const { rows } = await db.query<ManagedDocument>(
    `SELECT ${COLUMNS} FROM managed_documents WHERE server_name = $1 ORDER BY source = 'named' DESC LIMIT 1`,
    [serverName],
  );
  return rows[0];
}

/** Names a document. @returns it as it is on record */
export async function nameDocument(
  tx: Queryable,
  input: { serverName: string; document: unknown; actor: string },
): Promise<ManagedDocument> {
  const { rows } = await tx.query<ManagedDocument>(
    `INSERT INTO managed_documents (server_name, source, document, actor) VALUES ($1, 'named', $2, $3)
     ON CONFLICT (server_name, source) DO UPDATE SET document = $2, actor = $3,
       without_admin_role = false, recorded_at = now() RETURNING ${COLUMNS}`,
    [input.serverName, JSON.stringify(input.document), input.actor],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('INSERT INTO managed_documents returned no row');
  return row;
}

/** From now on the document that was applied last counts again. @returns what was named; undefined when nothing was */
export async function forgetNamedDocument(tx: Queryable, serverName: string): Promise<ManagedDocument | undefined> {
  const { rows } = await tx.query<ManagedDocument>(
    `DELETE FROM managed_documents WHERE server_name = $1 AND source = 'named' RETURNING ${COLUMNS}`,
    [serverName],
  );
  return rows[0];
}

/** Remembers the document of a task that was carried out as the one that was applied last; a repair is none of its own. */
export async function rememberApplied(tx: Queryable, taskId: string): Promise<void> {
  await tx.query(
    `INSERT INTO managed_documents (server_name, source, document, task_id, actor, without_admin_role)
     SELECT t.entity_id, 'applied', r.document, t.id, t.actor, coalesce((r.options ->> 'withoutAdminRole')::boolean, false)
     FROM tasks t JOIN access_requests r ON r.task_id = t.id
     WHERE t.id = $1 AND t.type = 'apply_roles' AND r.options -> 'repairs' IS NULL
     ON CONFLICT (server_name, source) DO UPDATE SET document = excluded.document, task_id = excluded.task_id,
       actor = excluded.actor, without_admin_role = excluded.without_admin_role, recorded_at = excluded.recorded_at`,
    [taskId],
  );
}
