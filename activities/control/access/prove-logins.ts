import { cancellationSignal } from '@temporalio/activity';
import pLimit from 'p-limit';
import { Failure } from '../../../domain/failures.ts';
import { proveLogin } from '../../../platform/target/prove-login.ts';
import { findResult, noteResults } from '../../../store/server-work.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { openTaskPasswords } from './request.ts';

/** Logins that are tried at a time. */
const PARALLEL = 2;

/**
 * Logs in as every role whose password the task has set. What cannot be tried from here (no
 * pg_hba.conf entry, a role without LOGIN) is said and no failure; a refused password is one.
 * @throws Failure LoginNotProven
 */
export function proveLogins(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'proveLogins' }, async ({ work }) => {
    const { passwords_set: roles = [] } = (await findResult(deps.db, work.taskId)) ?? {};
    const passwords = await openTaskPasswords(deps, work.taskId);
    const server = await deps.targets.get(work.serverName);
    const limit = pLimit(PARALLEL);
    const proofs = await Promise.all(
      roles.map((role) =>
        limit(async () => {
          const submitted = passwords.get(role);
          if (submitted?.kind !== 'password') return { role, proof: 'a ready-made verifier cannot be tried' };
          const proof = await proveLogin(server, { role, password: submitted.password, signal: cancellationSignal() });
          if (!proof.proven && proof.reason === 'refused') {
            throw new Failure(
              'LoginNotProven',
              `the password of role "${role}" was set, and a login with it was refused: see its VALID UNTIL and connection limit, and the server's log`,
            );
          }
          return { role, proof: proof.proven ? 'proven' : proof.message };
        }),
      ),
    );
    const unproven = proofs.filter(({ proof }) => proof !== 'proven');
    await appendLog(deps.db, {
      taskId: work.taskId,
      entries: [
        { message: `${proofs.length - unproven.length} of ${proofs.length} logins proven` },
        ...unproven.map(({ role, proof }) => ({ message: `login of ${role} not proven: ${proof}` })),
      ],
    });
    await noteResults(deps.db, [{ taskId: work.taskId, result: { logins: proofs } }]);
  });
}
