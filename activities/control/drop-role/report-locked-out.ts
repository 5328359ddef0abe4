import { countByPlace, countsText, totalOf } from '../../../domain/access/drop/dependents.ts';
import { parseDropDocument } from '../../../domain/access/drop/request.ts';
import { Failure } from '../../../domain/failures.ts';
import { taskApplicationName } from '../../../domain/marker.ts';
import { listDependents } from '../../../platform/target/catalog/shdepend.ts';
import { findStep } from '../../../store/journal.ts';
import { loadServerWork } from '../../../store/server-work.ts';
import { beginUndo } from '../../../store/tasks.ts';
import type { ControlDeps } from '../deps.ts';
import type { TaskRef } from '../types.ts';
import { readFacts } from './preview-drop.ts';
import { loadSubject } from './subject.ts';

/**
 * Stands in for the undo of a drop: what was revoked stays revoked, because opening a half-dropped role for logins again would
 * be worse. Ends the forward part for good (R9), and says what is left.
 * @throws Failure NotAllowed with that, where the role is still there and locked out
 */
export async function reportLockedOut(deps: ControlDeps, input: TaskRef): Promise<void> {
  const { taskId } = input;
  if (!(await beginUndo(deps.db, taskId))) return;
  if ((await findStep(deps.db, { taskId, step: 'lockOutRole' })) === undefined) return;
  const { oid, login, connectionLimit } = await loadSubject(deps, taskId);
  if (oid === null) return;
  const work = await loadServerWork(deps.db, taskId);
  const { role: requested } = parseDropDocument(work.document);
  const server = await deps.targets.get(work.serverName);
  const session = { applicationName: `${taskApplicationName(taskId)}:undo`, doing: `looking at role "${requested}"` };
  const left = await server.onMaintenance(session, async (client) => {
    const { role, sessions } = await readFacts(client, { role: requested, oid, heir: undefined });
    if (role === null || (role.login && login)) return undefined;
    return { role, sessions, places: countByPlace(await listDependents(client, oid)) };
  });
  if (left === undefined) return;
  const open = left.sessions.reduce((sum, { count }) => sum + count, 0);
  const things = left.places.map(({ database, owns, rights, personal, policies }) => {
    const counts = { ...owns, ...personal, ...(policies > 0 ? { policies } : {}) };
    const parts = [
      ...(totalOf(counts) > 0 ? [countsText(counts)] : []),
      ...(totalOf(rights) > 0 ? [`rights on ${countsText(rights)}`] : []),
    ];
    return `${parts.join(' and ')} ${database === null ? 'of the server' : `in database "${database}"`}`;
  });
  const had = `${login ? 'LOGIN' : 'NOLOGIN'}, CONNECTION LIMIT ${connectionLimit}`;
  throw new Failure(
    'NotAllowed',
    `role "${left.role.name}" is locked out and not dropped: it cannot log in, has ${open} open sessions and ` +
      `${things.length === 0 ? 'nothing else' : things.join('; ')}; the same request continues from here ` +
      `(before, it had ${had} and maybe a password, which is gone)`,
  );
}
