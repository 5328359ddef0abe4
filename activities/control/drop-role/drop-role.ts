import type pg from 'pg';
import { countByPlace } from '../../../domain/access/drop/dependents.ts';
import { parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import { dropRole as dropRoleSql } from '../../../domain/sql/drop-role.ts';
import { listDependents } from '../../../platform/target/catalog/shdepend.ts';
import type { ServerWork } from '../../../store/server-work.ts';
import type { ControlDeps } from '../deps.ts';
import { endAllRoleSessions } from '../role-sessions.ts';
import { performServerStep, type StepContext } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { clearEverywhere } from './reassign-owned.ts';
import { currentName, loadSubject, underLocks } from './subject.ts';

/** How often what has come up meanwhile is cleared away: somebody may still be in the role by SET ROLE, or grant it something. */
const ROUNDS = 3;

/** Drops the role, if it is still the one that was looked at; then ends once more what logged in as it. */
export function dropRole(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'dropRole' }, async (context) => {
    const { role: requested } = parseDropDocument(context.work.document);
    const { oid } = await loadSubject(deps, input.taskId);
    if (oid === null) return;
    for (let round = 1; round < ROUNDS; round += 1) {
      if (await tryDrop(deps, context, { oid, requested, last: false })) return;
      await clearEverywhere(deps, context, oid);
    }
    await tryDrop(deps, context, { oid, requested, last: true });
  });
}

/** @returns false when something has come up that must go first, and this was not the `last` try */
async function tryDrop(
  deps: ControlDeps,
  context: StepContext<ServerWork>,
  of: { oid: number; requested: string; last: boolean },
): Promise<boolean> {
  const { oid, requested, last } = of;
  const server = await deps.targets.get(context.work.serverName);
  const session = context.session(`dropping role "${requested}"`);
  const keys = [`role:${requested}`];
  return underLocks(server, { session, keys, connections: 1 }, async (control) => {
    await context.assertHolds();
    const name = await currentName(control.client, oid);
    if (name !== undefined) {
      const places = countByPlace(await listDependents(control.client, oid));
      if (places.length > 0 && !last) return false;
      await control.transaction((client) => drop(client, { name, oid }));
    }
    await endAllRoleSessions(control.client, { oid, name: requested });
    return true;
  });
}

/** @throws Failure Contention when the name had passed to somebody else in the very moment: then nothing is dropped */
async function drop(client: pg.ClientBase, role: { name: string; oid: number }): Promise<void> {
  await client.query(dropRoleSql(role.name));
  if ((await currentName(client, role.oid)) === undefined) return;
  throw new Failure('Contention', `role "${role.name}" was replaced or renamed while it was dropped`);
}
