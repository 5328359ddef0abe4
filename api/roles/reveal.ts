import { openStored } from '../../platform/secrets/open-stored.ts';
import { insertAudit } from '../../store/audit.ts';
import { IDEMPOTENCY_WINDOW_MINUTES } from '../../store/idempotency.ts';
import { secretsOf, taskSecretId, taskSecretOwner } from '../../store/secrets.ts';
import { findTask } from '../../store/tasks.ts';
import { askedBy } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import type { CarriedOut } from './change.ts';

/** The password that counts after a change that was to set one: another request's, where that was carried out for this one, too (R8). */
export async function passwordAfter(
  deps: Pick<ApiDeps, 'db' | 'sealer'>,
  caller: Caller,
  of: { done: CarriedOut; role: string; generated: string },
): Promise<string | null> {
  const { done, role, generated } = of;
  const { shared_with: leader } = done.result;
  if (leader === undefined && done.fresh) return generated;
  return revealPassword(deps, caller, { taskId: leader ?? done.taskId, role });
}

/**
 * The password that a request gave a role, while the request may be repeated (R7): a reveal like any other. Whether the caller may
 * see it is for whoever asks to say.
 */
export async function revealPassword(
  deps: Pick<ApiDeps, 'db' | 'sealer'>,
  caller: Caller,
  of: { taskId: string; role: string },
): Promise<string | null> {
  const [task, secrets] = await Promise.all([
    findTask(deps.db, { taskId: of.taskId }),
    secretsOf(deps.db, [taskSecretOwner(of.taskId)]),
  ]);
  const secret = secrets.find(({ id }) => id === taskSecretId(of.taskId, of.role));
  const age = Date.now() - (task?.createdAt.getTime() ?? 0);
  if (task === undefined || secret === undefined || age > IDEMPOTENCY_WINDOW_MINUTES * 60_000) return null;
  await insertAudit(deps.db, {
    kind: 'reveal',
    ...askedBy(caller),
    action: 'role.password',
    resource: `server/${task.entityId}/role/${of.role}`,
    taskId: of.taskId,
  });
  return (JSON.parse(openStored(deps.sealer, secret)) as { password: string }).password;
}
