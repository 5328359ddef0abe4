import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { retireLogin as retireLoginSql } from '../../../domain/sql/rotation.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { findStep } from '../../../store/journal.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { lookAtRole } from './look.ts';
import { keptOf, onServersOf } from './servers.ts';
import { forgetFormerLogin } from './update-consumers.ts';

/** A terminated backend is gone within milliseconds, unless it is in the middle of a long fsync. */
const GONE_WITHIN_MS = 15_000;

/** A service that has taken over another login keeps the session that it listens with. */
const LISTENS = `(application_name LIKE 'pgsteward/%' AND state = 'idle' AND query ~* '^\\s*LISTEN\\M')`;

/** After the grace: nobody logs in under the former login of an alternating rotation any more. It stays, for the next run. */
export function retireLogin(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performRotationStep(deps, { ...input, step: 'retireLogin' }, async ({ work, session }) => {
    const { previousLogin, login } = work.run;
    // Should a later run have made it the current one again, it is not this one's to close.
    if (previousLogin === login || work.rotation.currentLogin === previousLogin) return;
    await forgetFormerLogin(deps, work);
    await onServersOf(deps, work, (server) =>
      server.inMaintenanceTransaction(session(`retiring login "${previousLogin}"`), async (client) => {
        await client.query(LOCK_SQL, [[`role:${previousLogin}`]]);
        if ((await lookAtRole(client, previousLogin)) !== undefined) await client.query(retireLoginSql(previousLogin));
      }),
    );
  });
}

/**
 * Ends the sessions that were opened with the former password, or only counts them.
 * @returns how many are open @throws Failure NotAllowed with the right that is missing
 */
export function endFormerSessions(deps: ControlDeps, input: TaskRef & { end: boolean }): Promise<{ open: number }> {
  const { taskId, epoch, end } = input;
  return performRotationStep(deps, { taskId, epoch, step: 'endFormerSessions' }, async ({ work, session }) => {
    const open = await onServersOf(deps, work, async (server) => {
      const former = await formerSessions(deps, work, server);
      return server.onMaintenance(session('ending sessions of the former password'), (client) =>
        endOn(client, former, end),
      );
    });
    return { open: open.reduce((sum, here) => sum + here, 0) };
  });
}

async function endOn(
  client: pg.ClientBase,
  former: { role: string; before: string | null },
  end: boolean,
): Promise<number> {
  // Only to be looked at, but for those that wait for notifications: they would never come to an end, and begin anew at once.
  const act = end ? 'pg_terminate_backend(pid)' : `CASE WHEN ${LISTENS} THEN pg_terminate_backend(pid) ELSE true END`;
  const until = Date.now() + GONE_WITHIN_MS;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 200)) {
    const { rowCount } = await client
      .query(
        `SELECT ${act} FROM pg_stat_activity WHERE usename = $1 AND pid <> pg_backend_pid()
           AND ($2::timestamptz IS NULL OR backend_start < $2)`,
        [former.role, former.before],
      )
      .catch((error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === '42501')) throw error;
        throw new Failure(
          'NotAllowed',
          `the control plane's role may not end sessions of "${former.role}"; GRANT pg_signal_backend to it`,
        );
      });
    const open = rowCount ?? 0;
    if (!end || open === 0 || Date.now() > until) return open;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Of an in-place rotation those that began before the password was set, by the server's own clock. */
async function formerSessions(
  deps: ControlDeps,
  work: RotationWork,
  server: TargetServer,
): Promise<{ role: string; before: string | null }> {
  const { taskId, rotation, run } = work;
  if (rotation.strategy === 'alternating') return { role: run.previousLogin, before: null };
  const at = (await findStep(deps.db, { taskId, step: 'setRolePassword' }))?.detail[keptOf(work, 'at', server)];
  return { role: run.login, before: typeof at === 'string' ? at : null };
}
