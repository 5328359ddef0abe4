import { randomBytes } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import { parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import { ROLE_OID_SQL } from '../../../domain/sql/drop-role.ts';
import { type LoginProof, proveLogin } from '../../../platform/target/prove-login.ts';
import type { TargetServer } from '../../../platform/target/target-server.ts';
import { inTransaction } from '../../../store/connection.ts';
import { forgetRole } from '../../../store/dropped-roles.ts';
import { findStep } from '../../../store/journal.ts';
import { noteResults } from '../../../store/server-work.ts';
import { appendLog } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import { countRoleSessions } from '../role-sessions.ts';
import { performServerStep } from '../step.ts';
import type { TaskRef } from '../types.ts';
import type { ClearedDatabase } from './clear-database.ts';
import { clearedIn } from './cleared.ts';
import { sessionsEnded } from './lock-out-role.ts';
import { currentName, loadSubject } from './subject.ts';

/** What proves that a role is gone: the result of the task. */
export interface DropReceipt {
  server: string;
  role: string;
  /** Null: there was no such role when the task began. */
  oid: number | null;
  already_gone: boolean;
  /** No role has the OID; the name is free too, unless `name_in_use`. */
  absent: true;
  /** Somebody has made another role of that name since. It was not touched. */
  name_in_use: boolean;
  sessions: { ended: number; open: 0 };
  /** What a login under the name showed. */
  login: { refused: boolean; message: string };
  memberships: { ended: string[]; granted_again: string[] };
  databases: ClearedDatabase[];
  proven_at: string;
}

/**
 * Looks that the role is gone by OID and by name, that no session of it is open and that a login is refused; forgets its
 * credential and secret, and keeps the receipt.
 * @throws Failure VerificationFailed
 */
export function proveDropped(deps: ControlDeps, input: TaskRef): Promise<void> {
  return performServerStep(deps, { ...input, step: 'proveDropped' }, async ({ work, session }) => {
    const { serverName, taskId } = work;
    const { role } = parseDropDocument(work.document);
    const { oid } = await loadSubject(deps, taskId);
    const server = await deps.targets.get(serverName);
    const nameInUse = await server.onMaintenance(session(`looking that role "${role}" is gone`), async (client) => {
      if (oid !== null && (await currentName(client, oid)) !== undefined) {
        throw new Failure('VerificationFailed', `role "${role}" is still there`);
      }
      const open = oid === null ? 0 : await countRoleSessions(client, oid);
      if (open > 0) throw new Failure('VerificationFailed', `${open} sessions of role "${role}" are still open`);
      return ((await client.query(ROLE_OID_SQL, [role])).rowCount ?? 0) > 0;
    });
    const receipt: DropReceipt = {
      server: serverName,
      role,
      oid,
      already_gone: oid === null,
      absent: true,
      name_in_use: nameInUse,
      sessions: { ended: await sessionsEnded(deps, taskId), open: 0 },
      login: nameInUse
        ? { refused: false, message: 'not tried: another role has the name' }
        : await refusedLogin(server, role),
      ...(await whatWasDone(deps, taskId)),
      proven_at: new Date().toISOString(),
    };
    await inTransaction(deps.db, async (tx) => {
      await forgetRole(tx, { serverName, roleName: role, roleOid: oid, nameInUse });
      await noteResults(tx, [{ taskId, result: { receipt } }]);
      await appendLog(tx, { taskId, entries: [{ message: receiptLine(receipt) }] });
    });
  });
}

async function refusedLogin(server: TargetServer, role: string): Promise<DropReceipt['login']> {
  const password = randomBytes(24).toString('base64url');
  const proof: LoginProof = await proveLogin(server, { role, password, signal: cancellationSignal() });
  if (proof.proven)
    throw new Failure('VerificationFailed', `a login as "${role}" was accepted although the role is gone`);
  return proof.reason === 'refused'
    ? { refused: true, message: proof.message }
    : { refused: false, message: `cannot be proven from here: ${proof.message}` };
}

async function whatWasDone(deps: ControlDeps, taskId: string): Promise<Pick<DropReceipt, 'memberships' | 'databases'>> {
  const detail = async (step: string) => (await findStep(deps.db, { taskId, step }))?.detail ?? {};
  const revoked = await detail('revokeFromRole');
  return {
    memberships: { ended: texts(revoked.memberships), granted_again: texts(revoked.granted_again) },
    databases: clearedIn([await detail('reassignOwned'), await detail('dropRole')]),
  };
}

function texts(noted: unknown): string[] {
  return Array.isArray(noted) ? noted.map(String) : [];
}

function receiptLine({ role, already_gone, sessions, login, name_in_use }: DropReceipt): string {
  const gone = already_gone ? 'was gone already' : `is gone, ${sessions.ended} sessions ended`;
  const name = name_in_use ? '; another role has its name now' : '';
  return `role "${role}" ${gone}, none open; login ${login.refused ? 'refused' : `not proven: ${login.message}`}${name}`;
}
