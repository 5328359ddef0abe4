import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from './connection.ts';
import { NOTE_ROLES, type RoleNote, roleNoteValues } from './credentials.ts';
import { END_STEP, endStepValues, type StepEnd, type StepKey } from './journal.ts';
import { prepared } from './prepared.ts';
import type { AccessResult } from './server-work.ts';
import type { LogLine } from './tasks.ts';

/** What came of an application of a document, for its result, its log and the roles' rows. */
export interface AppliedStep {
  result: AccessResult;
  log: readonly LogLine[];
  serverName: string;
  roles: readonly RoleNote[];
}

const END_APPLIED_STEP = prepared(
  'end_applied_step',
  `WITH ${END_STEP}, lines AS (
     INSERT INTO task_log (id, task_id, message, fields)
     SELECT line.id, $1, line.message, line.fields
     FROM jsonb_to_recordset($9) AS line (id uuid, message text, fields jsonb)
   ), noted AS (
     UPDATE access_requests SET result = coalesce(result, '{}') || $10 WHERE task_id = $1
   ), roles AS (${NOTE_ROLES(11)})
   SELECT holds FROM held`,
);

/** Closes a step as `endStep` does, together with what came of it. One round trip. */
export async function endAppliedStep(
  db: Queryable,
  key: StepKey,
  end: StepEnd,
  applied: AppliedStep,
): Promise<boolean> {
  const lines = applied.log.map((line) => ({ id: uuidv7(), ...line }));
  const { rows } = await db.query<{ holds: boolean }>(
    END_APPLIED_STEP([
      ...endStepValues(key, end),
      JSON.stringify(lines),
      JSON.stringify(applied.result),
      ...roleNoteValues(applied),
    ]),
  );
  return rows[0]?.holds ?? false;
}
