import type pg from 'pg';
import { majorOf } from '../../../domain/access/drop/facts.ts';
import { type MembershipStatement, planMemberships } from '../../../domain/access/drop/memberships.ts';
import { parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import type { ControlDeps } from '../deps.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import { borrowRoles } from './borrow-roles.ts';
import { readFacts } from './preview-drop.ts';
import { assertSameRole, loadSubject, underLocks } from './subject.ts';

/**
 * Ends the memberships of the role in both directions, each grantor's own; what it granted to others is granted to them again
 * before, so that they lose nothing (traps 4 and 5).
 */
export function revokeFromRole(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'revokeFromRole' }, async (context) => {
    const { serverName, document } = context.work;
    const request = parseDropDocument(document);
    const { oid } = await loadSubject(deps, input.taskId);
    if (oid === null) return;
    const server = await deps.targets.get(serverName);
    const session = context.session(`ending the memberships of role "${request.role}"`);
    const keys = [`role:${request.role}`];
    await underLocks(server, { session, keys, connections: 1 }, async ({ client, transaction }) => {
      await context.assertHolds();
      const { role, admin, bootstrap, memberships, versionNum } = await readFacts(client, {
        ...request,
        oid,
        heir: undefined,
      });
      if (role === null) return;
      const plan = planMemberships({
        role: role.name,
        admin: admin.name,
        recordedGrantor: admin.superuser ? bootstrap : admin.name,
        major: majorOf(versionNum),
        memberships,
      });
      if (plan.revokes.length === 0) return;
      await context.note({
        memberships: plan.revokes.map(({ label }) => label),
        granted_again: plan.regrants.map(({ label }) => label),
      });
      await transaction(async (tx) => {
        for (const { sql, label } of plan.regrants) await regrant(tx, { sql, label, role: role.name });
        const giveBack = await borrowRoles(tx, { admin, major: majorOf(versionNum), roles: [role.name] });
        for (const statement of plan.revokes) await revoke(tx, statement);
        await giveBack();
        await assertSameRole(tx, { name: role.name, oid });
      });
    });
  });
}

async function regrant(client: pg.ClientBase, of: { sql: string; label: string; role: string }): Promise<void> {
  try {
    await client.query(of.sql);
  } catch (error) {
    if (!isMissingRight(error)) throw error;
    throw new Failure(
      'NotAllowed',
      `role "${of.role}" has granted ${of.label}, which would be lost, and the admin role may not grant it; run as a superuser: ${of.sql}`,
      { cause: error },
    );
  }
}

/** What the admin role may not revoke goes with DROP ROLE. */
async function revoke(client: pg.ClientBase, { sql, optional }: MembershipStatement): Promise<void> {
  if (!optional) {
    await client.query(sql);
    return;
  }
  await client.query('SAVEPOINT revoke_membership');
  try {
    await client.query(sql);
  } catch (error) {
    if (!isMissingRight(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT revoke_membership');
  }
}

function isMissingRight(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === '42501';
}
