import type { Check } from './check.ts';

/** Kinds of tasks that somebody is told of: those in batches are told of by their answer. */
const TOLD = `type IN ('create', 'update', 'delete', 'apply_roles', 'switchover')`;

/** Every accepted request has exactly one task, which has ended and says how; nobody did what was not asked for. */
export const checkTasks: Check = async ({ installation, journal }) => {
  const rows = await installation.metadata.query<{
    id: string;
    type: string;
    entity: string;
    status: string;
    error: string | null;
    told: boolean;
  }>(`SELECT id, type, entity_id AS entity, status, error, ${TOLD} AS told FROM tasks`);
  const tasks = new Map(rows.map((row) => [row.id, row]));
  const lost = [...journal.tasks.values()]
    .filter(({ id }) => !tasks.has(id))
    .map(({ id, kind, entity }) => `a task was lost: ${kind} of ${entity}, ${id}`);
  const nobodys = rows
    .filter(({ id, told }) => told && !journal.tasks.has(id))
    .map(({ id, type, entity }) => `a task that nobody was told of: ${type} of ${entity}, ${id}`);
  const mute = rows
    .filter(({ status, error }) => status === 'failed' && (error ?? '') === '')
    .map(({ id, type }) => `a task failed and does not say why: ${type} ${id}`);
  const unclean = rows
    .filter(({ error }) => /not undone|unexpected error|did not come to its end/.test(error ?? ''))
    .map(({ id, type, entity, error }) => `a task without a plain end: ${type} of ${entity}, ${id}: ${error}`);
  return [...lost, ...nobodys, ...mute, ...unclean];
};

/** An outage was longer than the lease: its client asks for another one. */
const TOO_LATE =
  /^the lease had ended before its login could be made$|^the login "lease_\w+" is not on the server any more/;

/** Rounds that failed although nothing was wrong with what they were to do. */
export const checkBatches: Check = async ({ installation }) => {
  const rows = await installation.metadata.query<{ type: string; entity: string; error: string; count: number }>(
    `SELECT type, entity_id AS entity, error, count(*)::int AS count FROM tasks
     WHERE type IN ('change_role', 'drop_role', 'rotate_password', 'check_drift') AND status = 'failed' GROUP BY 1, 2, 3`,
  );
  const unexplained = rows.filter(({ error }) => !TOO_LATE.test(error));
  return unexplained.map(({ type, entity, error, count }) => `${count} × ${type} of ${entity} failed: ${error}`);
};
