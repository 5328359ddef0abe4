import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import { label } from '../../../domain/replication/endpoints.ts';
import { proveLogin } from '../../../platform/target/prove-login.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { awaitReplay } from './await-replay.ts';
import { proofLine } from './proof-line.ts';
import { openPending } from './secrets.ts';

/** A standby that lags longer keeps the old password: then the run is taken back. */
export const REPLAY_WITHIN_MS = 30_000;

/**
 * Logs in with the new password on the primary and, once they have replayed it, on every standby of the server. What cannot be tried
 * from here (pg_hba.conf) is said and no failure.
 * @throws Failure LoginNotProven, VerificationFailed for a standby that does not get there
 */
export function proveRotation(deps: ControlDeps, input: TaskRef & { position: number }): Promise<void> {
  const { taskId, epoch, position } = input;
  return performRotationStep(deps, { taskId, epoch, step: 'proveRotation' }, async ({ work, session }) => {
    const { login: role } = work.run;
    const password = await openPending(deps, work);
    const server = await deps.targets.get(work.serverName);
    const database = work.rotation.options.databases?.[0];
    const login = { role, password, signal: cancellationSignal(), ...(database !== undefined && { database }) };
    const lines = [proofLine(role, 'the primary', await proveLogin(server, login))];
    const answers = server.address.endpoints.length > 1 ? await server.askEndpoints(session('asking endpoints')) : [];
    for (const answer of answers.filter(({ state }) => state !== 'primary')) {
      const where = label(answer.endpoint);
      if (!(await awaitReplay(server, answer.endpoint, { position, withinMs: REPLAY_WITHIN_MS }))) {
        throw new Failure('VerificationFailed', notReplayed(where));
      }
      lines.push(proofLine(role, where, await proveLogin(server, { ...login, at: answer.endpoint })));
    }
    await appendLog(deps.db, { taskId, entries: lines.map((message) => ({ message })) });
  });
}

/** Why the password of a run does not become the current one. */
export function notReplayed(standby: string): string {
  return `standby ${standby} has not replayed the new password within ${REPLAY_WITHIN_MS / 1000} s; see that it follows, or take it off the endpoints of the server`;
}
