import { readAccepted } from '../../../domain/access/document/parse.ts';
import type { AccessDocument, SubmittedPassword } from '../../../domain/access/document.ts';
import { Failure } from '../../../domain/failures.ts';
import { formatProblems } from '../../../domain/spec/problems.ts';
import { openStored } from '../../../platform/secrets/open-stored.ts';
import { foreignRoles } from '../../../store/credentials.ts';
import { secretsOf, taskSecretId, taskSecretOwner } from '../../../store/secrets.ts';
import type { ServerWork } from '../../../store/server-work.ts';
import type { ControlDeps } from '../deps.ts';

/** An accepted request, ready to be carried out. Holds passwords: never leaves the process. */
export interface AccessRequest {
  document: AccessDocument;
  passwords: ReadonlyMap<string, SubmittedPassword>;
  /** Roles of other owners on this server. */
  foreign: ReadonlyMap<string, string>;
  /** Whoever asked is no administrator on the server. */
  withoutAdminRole: boolean;
  /** Brings back what was: every password that comes with it is set, whatever was set last. */
  repairs?: boolean;
}

/** Loads what belongs to an accepted request beside its document. @throws Failure DocumentInvalid */
export async function openRequest(deps: ControlDeps, work: ServerWork): Promise<AccessRequest> {
  const { passwords, foreign } = await openTogether(deps, work.serverName, [work.taskId]);
  return requestOf(work, passwords.get(work.taskId) ?? new Map(), foreign);
}

/**
 * Passwords of several requests on one server, by task, and the roles there that have other owners.
 * @param leftOut owners whose roles are not asked for
 */
export async function openTogether(
  deps: ControlDeps,
  serverName: string,
  taskIds: readonly string[],
  leftOut: readonly string[] = [],
): Promise<{ passwords: Map<string, Map<string, SubmittedPassword>>; foreign: ReadonlyMap<string, string> }> {
  const [passwords, foreign] = await Promise.all([
    openPasswords(deps, taskIds),
    foreignRoles(deps.db, serverName, leftOut),
  ]);
  return { passwords, foreign };
}

/** An accepted request with its passwords. @throws Failure DocumentInvalid */
export function requestOf(
  work: Pick<ServerWork, 'document' | 'options'>,
  passwords: ReadonlyMap<string, SubmittedPassword>,
  foreign: ReadonlyMap<string, string>,
): AccessRequest {
  const withoutAdminRole = work.options.withoutAdminRole === true;
  const repairs = work.options.repairs === true;
  return {
    document: documentOf(work, passwords),
    passwords,
    foreign: repairs && !withoutAdminRole ? new Map() : foreign,
    withoutAdminRole,
    repairs,
  };
}

/** The document of an accepted request. */
function documentOf(
  work: Pick<ServerWork, 'document'>,
  passwords: ReadonlyMap<string, SubmittedPassword>,
): AccessDocument {
  const parsed = readAccepted(work.document, { passwordRoles: new Set(passwords.keys()) });
  if (!parsed.ok) throw new Failure('DocumentInvalid', formatProblems(parsed.problems));
  return parsed.document;
}

/** Passwords that a request gave to roles, by role name. */
export async function openTaskPasswords(
  deps: ControlDeps,
  taskId: string,
): Promise<ReadonlyMap<string, SubmittedPassword>> {
  return (await openPasswords(deps, [taskId])).get(taskId) ?? new Map();
}

async function openPasswords(
  deps: ControlDeps,
  taskIds: readonly string[],
): Promise<Map<string, Map<string, SubmittedPassword>>> {
  const byOwner = new Map(taskIds.map((taskId) => [taskSecretOwner(taskId), taskId]));
  const passwords = new Map<string, Map<string, SubmittedPassword>>();
  for (const secret of await secretsOf(deps.db, [...byOwner.keys()])) {
    const taskId = byOwner.get(secret.owner) ?? '';
    const text = openStored(deps.sealer, secret);
    const ofTask = passwords.get(taskId) ?? new Map<string, SubmittedPassword>();
    ofTask.set(secret.id.slice(taskSecretId(taskId, '').length), JSON.parse(text) as SubmittedPassword);
    passwords.set(taskId, ofTask);
  }
  return passwords;
}
