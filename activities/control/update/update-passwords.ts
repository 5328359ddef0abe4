import { LOCK_SQL } from '../../../domain/sql/locks.ts';
import { clearPassword, setVerifier } from '../../../domain/sql/roles.ts';
import { scramVerifier } from '../../../platform/scram/verifier.ts';
import { changedPasswords } from '../../../store/secret-changes.ts';
import type { ControlDeps } from '../deps.ts';
import { openPreviousPasswords, openUserPasswords } from '../passwords.ts';
import { inspectRoles } from '../roles/inspect.ts';
import { onEveryServer } from '../servers.ts';
import { endTaskSessions } from '../sessions.ts';
import { performStep, performUndo, type StepContext, type UndoContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { type ChangeWork, changeWork } from './change-of.ts';

/**
 * Sets the passwords that an update changes, of users that were there before: as verifiers, in one transaction a server. The
 * services that log in under them are changed right afterwards; connections that are open go on.
 */
export function updatePasswords(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performStep(deps, { ...input, step: 'updatePasswords' }, async (context) => {
    const work = changeWork(context.work);
    await setOn(deps, context, { work, passwords: await openUserPasswords(deps, work), names: changedUsers(work) });
  });
}

/** Sets the passwords that the users had before. */
export function undoUpdatePasswords(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performUndo(deps, { ...input, step: 'updatePasswords' }, async (context) => {
    const work = changeWork(context.work);
    await onEveryServer(deps, work, (server) =>
      endTaskSessions(server, context.session('ending sessions of the task'), work.taskId),
    );
    const passwords = await openPreviousPasswords(deps, work);
    await setOn(deps, context, { work, passwords, names: changedUsers(work), clear: true });
  });
}

/** Users of both specifications whose password differs between them. */
export function changedUsers(work: ChangeWork): string[] {
  const { change } = work;
  const before = new Set(change.previous.users.map(({ username }) => username));
  const names = work.spec.users.map(({ username }) => username).filter((name) => before.has(name));
  return [...changedPasswords(work.databaseId, names, change)];
}

async function setOn(
  deps: ControlDeps,
  context: Pick<StepContext & UndoContext, 'session'> & Partial<Pick<StepContext, 'assertHolds'>>,
  input: {
    work: ChangeWork;
    names: readonly string[];
    passwords: ReadonlyMap<string, string>;
    /** Take the password from a user that had none. */
    clear?: boolean;
  },
): Promise<void> {
  const { work, names, passwords, clear = false } = input;
  await onEveryServer(deps, work, (server) =>
    server.inMaintenanceTransaction(context.session(`setting passwords on server ${server.name}`), async (client) => {
      await client.query(LOCK_SQL, [names.map((name) => `role:${name}`)]);
      await context.assertHolds?.();
      const { roles, scramIterations: iterations } = await inspectRoles(client, names);
      const statements = await Promise.all(
        roles.map(async ({ name }) => {
          const password = passwords.get(name);
          if (password !== undefined) return [setVerifier(name, await scramVerifier({ password, iterations }))];
          return clear ? [clearPassword(name)] : [];
        }),
      );
      const sql = statements.flat();
      if (sql.length > 0) await client.query(sql.join('; '));
    }),
  );
}
