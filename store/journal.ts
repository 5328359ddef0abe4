import { v7 as uuidv7 } from 'uuid';
import { unapproved } from './approvals.ts';
import type { Queryable } from './connection.ts';
import { prepared } from './prepared.ts';

/** Names a step of a task; `target` is an instance id where a step is done once per instance, else empty. */
export interface StepKey {
  taskId: string;
  epoch: number;
  step: string;
  target?: string;
}

/** A step that was begun: what cleanup needs to undo a task whose run is gone. */
export interface JournalEntry {
  step: string;
  target: string;
  state: 'started' | 'done' | 'undone';
  detail: Record<string, unknown>;
}

/**
 * True while the task is open, its undo has not begun, no later operation has been accepted for its database (R9), and nobody's approval
 * of it is missing (R13).
 */
const OPEN_TASK = `SELECT FROM tasks t LEFT JOIN databases d ON d.id = t.database_id
  WHERE t.id = $1 AND t.epoch = $2 AND (t.scope <> 'database' OR d.epoch = t.epoch) AND t.status IN ('pending', 'running', 'canceling')
    AND t.undo_began_at IS NULL AND NOT ${unapproved('t.id')}`;

/** Whether it does. */
const TASK_HOLDS = `EXISTS (${OPEN_TASK})`;

/** One row if it does, and then its undo does not begin before the statement's transaction has ended. Values as there: id, epoch. */
export const HOLD_TASK = `${OPEN_TASK} FOR SHARE OF t`;

const BEGIN_STEP = prepared(
  'begin_step',
  `WITH entry AS (
     INSERT INTO task_steps (task_id, ordinal, step, target, state)
     SELECT $1, coalesce((SELECT max(ordinal) FROM task_steps WHERE task_id = $1), 0) + 1, $3, $4, 'started'
     WHERE ${TASK_HOLDS}
     ON CONFLICT (task_id, step, target) DO UPDATE SET started_at = now()
     RETURNING (xmax = 0) AS first
   ), line AS (
     INSERT INTO task_log (id, task_id, message, fields)
     SELECT $5, $1, $6, jsonb_build_object('step', $3::text) FROM entry WHERE first
   )
   SELECT EXISTS (SELECT FROM entry) AS began`,
);

/**
 * Enters a step in the journal and writes the log line, if the task still holds. One round trip.
 * @returns false when the task was superseded or closed: the step must change nothing.
 */
export async function beginStep(db: Queryable, key: StepKey, message: string): Promise<boolean> {
  const { rows } = await db.query<{ began: boolean }>(
    BEGIN_STEP([key.taskId, key.epoch, key.step, key.target ?? '', uuidv7(), message]),
  );
  return rows[0]?.began ?? false;
}

/** Enters several steps at once, before another process performs them. @returns false as for {@link beginStep}. */
export async function announceSteps(
  db: Queryable,
  input: { taskId: string; epoch: number; steps: { step: string; target: string }[] },
): Promise<boolean> {
  const { rows } = await db.query<{ holds: boolean }>(
    `WITH holds AS (SELECT ${TASK_HOLDS} AS yes), entry AS (
       INSERT INTO task_steps (task_id, ordinal, step, target, state)
       SELECT $1, coalesce((SELECT max(ordinal) FROM task_steps WHERE task_id = $1), 0) + n, step, target, 'started'
       FROM holds, unnest($3::text[], $4::text[]) WITH ORDINALITY AS s (step, target, n) WHERE yes
       ON CONFLICT (task_id, step, target) DO NOTHING
     )
     SELECT yes AS holds FROM holds`,
    [input.taskId, input.epoch, input.steps.map((s) => s.step), input.steps.map((s) => s.target)],
  );
  return rows[0]?.holds ?? false;
}

/** How a step ended. */
export interface StepEnd {
  /** Of the log line. */
  message: string;
  durationMs: number;
  /** What undo or a repetition must know. */
  detail?: Record<string, unknown>;
}

/**
 * Closes a step, with a log line, and tells in `held.holds` whether the task still holds. Parts of a statement, for its WITH; their
 * {@link endStepValues} are the first ones.
 */
export const END_STEP = `held AS (SELECT ${TASK_HOLDS} AS holds), entry AS (
     UPDATE task_steps SET state = 'done', ended_at = now(), detail = detail || $5
     WHERE task_id = $1 AND step = $3 AND target = $4
   ), line AS (
     INSERT INTO task_log (id, task_id, message, fields)
     VALUES ($6, $1, $7, jsonb_build_object('step', $3::text, 'duration_ms', $8::int, 'success', true))
   )`;

export function endStepValues(key: StepKey, end: StepEnd): unknown[] {
  const { taskId, epoch, step, target = '' } = key;
  const { message, durationMs, detail = {} } = end;
  return [taskId, epoch, step, target, JSON.stringify(detail), uuidv7(), message, Math.round(durationMs)];
}

const CLOSE_STEP = prepared('end_step', `WITH ${END_STEP} SELECT holds FROM held`);

/**
 * Closes a step. One round trip.
 * @returns false when the task no longer holds: what the step did must be taken back by its undo.
 */
export async function endStep(db: Queryable, key: StepKey, end: StepEnd): Promise<boolean> {
  const { rows } = await db.query<{ holds: boolean }>(CLOSE_STEP(endStepValues(key, end)));
  return rows[0]?.holds ?? false;
}

/**
 * Adds to what is known of a begun step, before its effect: undo reads it. The task is held while that is written, so the note
 * is there when undo begins, or never.
 * @returns false when the task no longer holds: the step must change nothing
 */
export async function noteStep(db: Queryable, key: StepKey, detail: Record<string, unknown>): Promise<boolean> {
  const { rowCount } = await db.query(
    `WITH holds AS (${HOLD_TASK})
     UPDATE task_steps SET detail = detail || $5 FROM holds WHERE task_id = $1 AND step = $3 AND target = $4`,
    [key.taskId, key.epoch, key.step, key.target ?? '', JSON.stringify(detail)],
  );
  return rowCount === 1;
}

export async function findStep(db: Queryable, key: Omit<StepKey, 'epoch'>): Promise<JournalEntry | undefined> {
  const { rows } = await db.query<JournalEntry>(
    'SELECT step, target, state, detail FROM task_steps WHERE task_id = $1 AND step = $2 AND target = $3',
    [key.taskId, key.step, key.target ?? ''],
  );
  return rows[0];
}

const FIND_HOLD = prepared('task_holds', `SELECT ${TASK_HOLDS} AS holds`);

/** Whether the task may still change anything (R9). */
export async function taskHolds(db: Queryable, task: { taskId: string; epoch: number }): Promise<boolean> {
  const { rows } = await db.query<{ holds: boolean }>(FIND_HOLD([task.taskId, task.epoch]));
  return rows[0]?.holds ?? false;
}

/** Marks a step undone and writes the log line. */
export async function markUndone(db: Queryable, key: Omit<StepKey, 'epoch'>, message: string): Promise<void> {
  await db.query(
    `WITH entry AS (
       UPDATE task_steps SET state = 'undone', ended_at = now() WHERE task_id = $1 AND step = $2 AND target = $3
         AND state <> 'undone' RETURNING 1
     )
     INSERT INTO task_log (id, task_id, message, fields)
     SELECT $4, $1, $5, jsonb_build_object('step', $2::text, 'undo', true) FROM entry`,
    [key.taskId, key.step, key.target ?? '', uuidv7(), message],
  );
}

/** Steps of a task that may have had an effect and are not undone, newest first. */
export async function stepsToUndo(db: Queryable, taskId: string): Promise<JournalEntry[]> {
  const { rows } = await db.query<JournalEntry>(
    `SELECT step, target, state, detail FROM task_steps WHERE task_id = $1 AND state <> 'undone' ORDER BY ordinal DESC`,
    [taskId],
  );
  return rows;
}
