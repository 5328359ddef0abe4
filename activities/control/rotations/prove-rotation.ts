import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import { label } from '../../../domain/replication/endpoints.ts';
import { WAL_POSITION_SQL } from '../../../domain/sql/rotation.ts';
import { proveLogin } from '../../../platform/target/prove-login.ts';
import type { TargetServer, TargetSession } from '../../../platform/target/target-server.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { awaitReplay } from './await-replay.ts';
import { proofLine } from './proof-line.ts';
import { openPending } from './secrets.ts';
import { onServersOf } from './servers.ts';

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
    const database = work.rotation.options.databases?.[0];
    const login = { role, password, signal: cancellationSignal(), ...(database !== undefined && { database }) };
    const proven = await onServersOf(deps, work, async (server) => {
      const own = server.name === work.serverName;
      const lines = await proveOn(server, { login, position: own ? position : undefined, session });
      return own ? lines : lines.map((line) => `server ${server.name}: ${line}`);
    });
    await appendLog(deps.db, { taskId, entries: proven.flat().map((message) => ({ message })) });
  });
}

/** @param of.position of the WAL after the change; unless given, its end now */
async function proveOn(
  server: TargetServer,
  of: {
    login: Parameters<typeof proveLogin>[1];
    position: number | undefined;
    session: (doing: string) => TargetSession;
  },
): Promise<string[]> {
  const { login, session } = of;
  const lines = [proofLine(login.role, 'the primary', await proveLogin(server, login))];
  if (server.address.endpoints.length === 1) return lines;
  const answers = await server.askEndpoints(session('asking endpoints'));
  const position = of.position ?? (await endOfWal(server, session('asking for the end of the WAL')));
  for (const { endpoint } of answers.filter(({ state }) => state !== 'primary')) {
    const where = label(endpoint);
    if (!(await awaitReplay(server, endpoint, { position, withinMs: REPLAY_WITHIN_MS }))) {
      throw new Failure('VerificationFailed', notReplayed(where));
    }
    lines.push(proofLine(login.role, where, await proveLogin(server, { ...login, at: endpoint })));
  }
  return lines;
}

/** Where the WAL of the primary ends now. */
export function endOfWal(server: TargetServer, session: TargetSession): Promise<number> {
  return server.onMaintenance(session, async (client) => {
    const { rows } = await client.query<{ position: number }>(WAL_POSITION_SQL);
    return rows[0]?.position ?? 0;
  });
}

/** Why the password of a run does not become the current one. */
export function notReplayed(standby: string): string {
  return `standby ${standby} has not replayed the new password within ${REPLAY_WITHIN_MS / 1000} s; see that it follows, or take it off the endpoints of the server`;
}
