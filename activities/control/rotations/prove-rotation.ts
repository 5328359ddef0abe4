import { setTimeout as delay } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import { Failure } from '../../../domain/failures.ts';
import { label } from '../../../domain/replication/endpoints.ts';
import type { EndpointAnswer } from '../../../platform/target/primary.ts';
import { type LoginProof, proveLogin } from '../../../platform/target/prove-login.ts';
import { askReplication } from '../../../platform/target/replication.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performRotationStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { openPending } from './secrets.ts';

/** A standby that lags longer keeps the old password: then the run is taken back. */
const REPLAY_WITHIN_MS = 30_000;
const ASK_TIMEOUT_MS = 2_000;
const PAUSE_MS = { first: 5, longest: 250 };

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
    const lines = [lineOf(role, 'the primary', await proveLogin(server, login))];
    const answers = server.address.endpoints.length > 1 ? await server.askEndpoints(session('asking endpoints')) : [];
    for (const answer of answers.filter(({ state }) => state !== 'primary')) {
      await awaitReplay(server, answer, position);
      lines.push(lineOf(role, label(answer.endpoint), await proveLogin(server, { ...login, at: answer.endpoint })));
    }
    await appendLog(deps.db, { taskId, entries: lines.map((message) => ({ message })) });
  });
}

/** @throws Failure LoginNotProven */
function lineOf(role: string, where: string, proof: LoginProof): string {
  if (proof.proven) return `login of ${role} proven on ${where}`;
  const { reason, message } = proof;
  if (reason === 'refused' || reason === 'not_permitted') {
    throw new Failure(
      'LoginNotProven',
      `a login of "${role}" with its new password was refused on ${where}: ${message}; see its VALID UNTIL and connection limit, and pg_hba.conf`,
    );
  }
  if (reason === 'unreachable') throw new Failure('ServerUnavailable', `${where} does not answer: ${message}`);
  return `login of ${role} cannot be proven from here on ${where}: ${message}`;
}

async function awaitReplay(server: TargetServer, { endpoint }: EndpointAnswer, position: number): Promise<void> {
  const where = label(endpoint);
  const signal = cancellationSignal();
  const session = { applicationName: 'pgsteward', doing: `asking ${where} what it has replayed`, signal };
  const until = performance.now() + REPLAY_WITHIN_MS;
  for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)) {
    const there = await server
      .onEndpoint(endpoint, session, (client) => askReplication(client, ASK_TIMEOUT_MS))
      .catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof Failure) return undefined;
        throw error;
      });
    if ((there?.position ?? -1) >= position) return;
    if (performance.now() > until) {
      throw new Failure(
        'VerificationFailed',
        `standby ${where} has not replayed the new password within ${REPLAY_WITHIN_MS / 1000} s; see that it follows, or take it off the endpoints of the server`,
      );
    }
    await delay(pauseMs, undefined, { signal });
  }
}
