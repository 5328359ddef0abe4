import type pg from 'pg';
import { type DropRequest, parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import { lockOut } from '../../../domain/sql/drop-role.ts';
import { dropPlanHash } from '../../../platform/access/drop-plan-hash.ts';
import { findStep } from '../../../store/journal.ts';
import type { ControlDeps } from '../deps.ts';
import { countRoleSessions, endAllRoleSessions } from '../role-sessions.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { readFacts } from './preview-drop.ts';
import { assertSameRole, currentName, loadSubject, underLocks } from './subject.ts';

/**
 * Takes login, password and connections from the role and commits that: from here on no new session begins.
 * A drop that others approved is the one that they saw, or none.
 * @returns how long the sessions that are open may go on, in milliseconds
 * @throws Failure PlanChanged
 */
export function lockOutRole(deps: ControlDeps, input: TaskRef): Promise<{ drainMs: number }> {
  return performServerStep(deps, { ...input, step: 'lockOutRole' }, async (context) => {
    const { serverName, document, planHash } = context.work;
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
      if (planHash !== null) await assertSamePlan(control.client, { planHash, oid, request });
      await control.transaction(async (client) => {
        await client.query(lockOut(name));
        await assertSameRole(client, { name, oid });
      });
      return { drainMs: request.drainSeconds * 1_000 };
    });
  });
}

/** Under the lock of the role, before its first change. */
async function assertSamePlan(
  client: pg.ClientBase,
  of: { planHash: string; oid: number; request: DropRequest },
): Promise<void> {
  const { role, heir, reassignOwned, force } = of.request;
  const facts = await readFacts(client, { role, oid: of.oid, heir });
  const document = { reassign_owned: reassignOwned, force, ...(heir === undefined ? {} : { heir }) };
  const hash = await dropPlanHash(client, { facts, document });
  if (hash === of.planHash) return;
  throw new Failure(
    'PlanChanged',
    `the world has moved: what role "${role}" owns, may do or belongs to is not what was approved (plan ${of.planHash}, now ${hash}); ask for the drop again`,
  );
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
