import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Failure } from '../../domain/failures.ts';
import { quoteIdentifier } from '../../domain/sql/quote.ts';
import { toFailure } from '../../platform/target/errors.ts';

/** A terminated backend is gone within milliseconds, unless it is in the middle of a checkpoint or a long fsync. */
const GONE_WITHIN_MS = 15_000;

const OF_ROLE = 'FROM pg_catalog.pg_stat_activity WHERE usesysid = $1 AND pid <> pg_backend_pid()';

/** Number of sessions that logged in under a role's OID. Outside of transactions only: within one the server repeats itself. */
export async function countRoleSessions(client: pg.ClientBase, oid: number): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int4 AS count ${OF_ROLE}`, [oid]);
  return rows[0]?.count ?? 0;
}

/**
 * Ends every session that logged in as a role, and waits until they are gone. By OID: a session goes on after SET ROLE, and after
 * its role was dropped it has no name any more (trap 30). To be called when no new session can begin (NOLOGIN, committed), and
 * outside of transactions: within one the server repeats the list that it gave first.
 * @returns how many were told to end, and how many of them had not when the wait was over
 * @throws Failure NotAllowed with the statement that gives the right
 */
export async function endRoleSessions(
  client: pg.ClientBase,
  role: { oid: number; name: string },
  boundMs: number,
): Promise<{ ended: number; left: number }> {
  const ended = new Set<number>();
  const until = Date.now() + boundMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const open = await terminate(client, role);
    for (const pid of open) ended.add(pid);
    if (open.length === 0 || Date.now() > until) return { ended: ended.size, left: open.length };
    await delay(pauseMs);
  }
}

/** The same, until all are gone. @returns how many were ended @throws Failure Contention when one does not end */
export async function endAllRoleSessions(client: pg.ClientBase, role: { oid: number; name: string }): Promise<number> {
  const { ended, left } = await endRoleSessions(client, role, GONE_WITHIN_MS);
  if (left > 0) throw new Failure('Contention', `${left} sessions of role "${role.name}" did not end`);
  return ended;
}

async function terminate(client: pg.ClientBase, role: { oid: number; name: string }): Promise<number[]> {
  try {
    const { rows } = await client.query<{ pid: number }>(`SELECT pid, pg_terminate_backend(pid) ${OF_ROLE}`, [
      role.oid,
    ]);
    return rows.map(({ pid }) => pid);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '42501')) throw error;
    const { rows } = await client.query<{ admin: string }>('SELECT current_user AS admin');
    const admin = rows[0]?.admin ?? '';
    throw new Failure(
      'NotAllowed',
      `role "${admin}" may not end the sessions of role "${role.name}"; this gives the right: GRANT pg_signal_backend TO ${quoteIdentifier(admin)} (sessions of a superuser only a superuser ends)`,
      { cause: toFailure(error, `ending sessions of role "${role.name}"`) },
    );
  }
}
