import { v7 as uuidv7 } from 'uuid';
import type { DriftSource } from '../../domain/drift/finding.ts';
import type { FindingState, Judged, KnownFinding } from '../../domain/drift/judge.ts';
import type { FindingKind } from '../../domain/drift/policy.ts';
import type { Queryable } from '../connection.ts';
import { type KeysetPage, keyset } from '../keyset.ts';

/** A finding as it is shown. */
export interface FindingRecord {
  id: string;
  kind: FindingKind;
  source: DriftSource;
  role: string | null;
  database: string | null;
  object: string | null;
  expected: string;
  found: string;
  state: FindingState;
  heldBack: string | null;
  repairs: number;
  taskId: string | null;
  firstSeenAt: Date;
  lastSeenAt: Date;
  endedAt: Date | null;
}

/** Every finding of a server, with how its last repair ended. */
export async function knownFindings(db: Queryable, serverName: string): Promise<KnownFinding[]> {
  const { rows } = await db.query<KnownFinding>(
    `SELECT f.id, f.key, f.kind, f.state, f.role_name AS role, f.repairs, f.held_back AS "heldBack", f.task_id AS "taskId",
       t.status AS "taskStatus", f.ended_at AS "endedAt"
     FROM drift_findings f LEFT JOIN tasks t ON t.id = f.task_id WHERE f.server_name = $1`,
    [serverName],
  );
  return rows;
}

/** Records what was found; `key` is unique on its server. One statement. */
export async function recordFindings(
  tx: Queryable,
  serverName: string,
  judged: readonly (Judged & { keyHash: string })[],
): Promise<void> {
  if (judged.length === 0) return;
  const rows = judged.map(({ finding, keyHash, state, heldBack, repairs }) => ({
    id: uuidv7(),
    key: keyHash,
    kind: finding.kind,
    source: finding.source,
    role: finding.role ?? null,
    database: finding.database ?? null,
    object: finding.object ?? null,
    expected: finding.expected,
    found: finding.found,
    state,
    held_back: heldBack,
    repairs,
  }));
  await tx.query(
    `INSERT INTO drift_findings AS f (id, server_name, key, kind, source, role_name, database_name, object, expected, found, state,
       held_back, repairs)
     SELECT id, $1, key, kind, source, role, database, object, expected, found, state, held_back, repairs
     FROM jsonb_to_recordset($2) AS n (id uuid, key text, kind text, source text, role text, database text, object text,
       expected text, found text, state text, held_back text, repairs integer)
     ON CONFLICT (server_name, key) DO UPDATE SET kind = excluded.kind, source = excluded.source, role_name = excluded.role_name,
       database_name = excluded.database_name, object = excluded.object, expected = excluded.expected, found = excluded.found,
       state = excluded.state, held_back = excluded.held_back, repairs = excluded.repairs, last_seen_at = now(),
       first_seen_at = CASE WHEN f.state IN ('repaired', 'resolved') THEN now() ELSE f.first_seen_at END, ended_at = NULL`,
    [serverName, JSON.stringify(rows)],
  );
}

/** What is not there any more. */
export async function endFindings(
  tx: Queryable,
  gone: readonly { id: string; state: 'repaired' | 'resolved' }[],
): Promise<void> {
  if (gone.length === 0) return;
  await tx.query(
    `UPDATE drift_findings f SET state = g.state, ended_at = now(), held_back = NULL
     FROM unnest($1::uuid[], $2::text[]) AS g (id, state) WHERE f.id = g.id`,
    [gone.map(({ id }) => id), gone.map(({ state }) => state)],
  );
}

/** A task repairs these. */
export async function noteRepair(
  tx: Queryable,
  input: { serverName: string; keys: readonly string[]; taskId: string },
): Promise<void> {
  await tx.query(
    `UPDATE drift_findings SET task_id = $3, repairs = repairs + 1 WHERE server_name = $1 AND key = ANY ($2)`,
    [input.serverName, input.keys, input.taskId],
  );
}

/** Findings that are not repaired, with the reason. */
export async function holdBack(
  tx: Queryable,
  input: { serverName: string; reasons: ReadonlyMap<string, string> },
): Promise<void> {
  if (input.reasons.size === 0) return;
  await tx.query(
    `UPDATE drift_findings f SET held_back = n.reason FROM unnest($2::text[], $3::text[]) AS n (key, reason)
     WHERE f.server_name = $1 AND f.key = n.key`,
    [input.serverName, [...input.reasons.keys()], [...input.reasons.values()]],
  );
}

/** A page of findings, with one more where another page follows. */
export async function listDriftFindings(
  db: Queryable,
  of: { serverName: string; states: readonly FindingState[]; kind?: FindingKind | undefined },
  page: Pick<KeysetPage, 'order' | 'after' | 'limit'>,
): Promise<FindingRecord[]> {
  const { condition, orderAndLimit, values } = keyset({ ...page, orderField: 'id' }, { id: 'id', name: 'kind' }, 4);
  const { rows } = await db.query<FindingRecord>(
    `SELECT id, kind, source, role_name AS role, database_name AS database, object, expected, found, state,
       held_back AS "heldBack", repairs, task_id AS "taskId", first_seen_at AS "firstSeenAt", last_seen_at AS "lastSeenAt",
       ended_at AS "endedAt"
     FROM drift_findings WHERE server_name = $1 AND state = ANY ($2) AND ($3::text IS NULL OR kind = $3) AND ${condition}
     ${orderAndLimit}`,
    [of.serverName, of.states, of.kind ?? null, ...values],
  );
  return rows;
}

/** How many findings there are of each state. */
export async function countFindings(db: Queryable, serverName: string): Promise<Record<string, number>> {
  const { rows } = await db.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM drift_findings WHERE server_name = $1 GROUP BY state',
    [serverName],
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}
