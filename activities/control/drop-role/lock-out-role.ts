import { parseDropDocument } from '../../../domain/access/drop/request.ts';
import { lockOut } from '../../../domain/sql/drop-role.ts';
import { findStep } from '../../../store/journal.ts';
import type { ControlDeps } from '../deps.ts';
import { countRoleSessions, endAllRoleSessions } from '../role-sessions.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { assertSameRole, currentName, loadSubject, underLocks } from './subject.ts';

/**
 * Takes login, password and connections from the role and commits that: from here on no new session begins.
 * @returns how long the sessions that are open may go on, in milliseconds
 */
export function lockOutRole(deps: ControlDeps, input: TaskRef): Promise<{ drainMs: number }> {
  return performServerStep(deps, { ...input, step: 'lockOutRole' }, async (context) => {
    const { serverName, document } = context.work;
    const request = parseDropDocument(document);
    const { oid } = await loadSubject(deps, input.taskId);
    if (oid === null) return { drainMs: 0 };
    const server = await deps.targets.get(serverName);
    const session = context.session(`locking out role "${request.role}"`);
    const keys = [`role:${request.role}`];
    return underLocks(server, { session, keys, connections: 1 }, async (control) => {
      await context.assertHolds();
      const name = await currentName(control.client, oid);
      if (name === undefined) return { drainMs: 0 };
      await control.transaction(async (client) => {
        await client.query(lockOut(name));
        await assertSameRole(client, { name, oid });
      });
      return { drainMs: request.drainSeconds * 1_000 };
    });
  });
}

/**
 * Ends the sessions of the role, or with `end` false only counts them.
 * @returns how many are open
 */
export function endSessionsOfRole(deps: ControlDeps, input: TaskRef & { end: boolean }): Promise<{ open: number }> {
  const { taskId, epoch } = input;
  return performServerStep(deps, { taskId, epoch, step: 'endSessionsOfRole' }, async (context) => {
    const { serverName, document } = context.work;
    const { role: name } = parseDropDocument(document);
    const { oid } = await loadSubject(deps, taskId);
    if (oid === null) return { open: 0 };
    const server = await deps.targets.get(serverName);
    const session = context.session(`ending the sessions of role "${name}"`);
    return server.onMaintenance(session, async (client) => {
      if (!input.end) return { open: await countRoleSessions(client, oid) };
      await context.assertHolds();
      const ended = await endAllRoleSessions(client, { oid, name });
      await context.note({ ended: (await sessionsEnded(deps, taskId)) + ended });
      return { open: 0 };
    });
  });
}

/** How many sessions the task has ended so far. */
export async function sessionsEnded(deps: ControlDeps, taskId: string): Promise<number> {
  const entry = await findStep(deps.db, { taskId, step: 'endSessionsOfRole' });
  return Number(entry?.detail.ended ?? 0);
}
