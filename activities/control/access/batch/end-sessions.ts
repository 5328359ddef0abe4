import type pg from 'pg';
import { Failure } from '../../../../domain/failures.ts';
import { endRoleSessions } from '../../role-sessions.ts';
import type { Item, ItemOutcome } from './items.ts';

/** How long a batch waits for sessions that were told to end: others wait for it. */
const SESSIONS_END_MS = 1_000;

/** Ends the sessions of roles that nobody logs in to any more, where that was asked for. */
export async function endSessions(
  client: pg.ClientBase,
  items: readonly Item[],
  outcomes: ReadonlyMap<string, ItemOutcome>,
): Promise<Map<string, ItemOutcome>> {
  const all = new Map(outcomes);
  for (const { work } of items.filter(({ work: { options } }) => options.endSessions === true)) {
    const outcome = all.get(work.taskId);
    if (outcome?.state !== 'done') continue;
    const [role] = outcome.roles;
    if (role !== undefined) all.set(work.taskId, await endSessionsOf(client, role, outcome));
  }
  return all;
}

async function endSessionsOf(
  client: pg.ClientBase,
  role: { name: string; oid: number },
  outcome: Extract<ItemOutcome, { state: 'done' }>,
): Promise<ItemOutcome> {
  try {
    const { ended, left } = await endRoleSessions(client, role, SESSIONS_END_MS);
    return { ...outcome, more: { ...outcome.more, sessions_ended: ended, ...(left > 0 && { sessions_left: left }) } };
  } catch (error) {
    if (!(error instanceof Failure) || error.retryable) throw error;
    const message = `nobody can log in as "${role.name}" any more, but its open sessions go on: ${error.message}`;
    return { state: 'failed', failure: new Failure(error.type, message, { cause: error }) };
  }
}
