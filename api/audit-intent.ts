import { insertAudit } from '../store/audit.ts';
import type { Queryable } from '../store/connection.ts';
import type { Caller } from './caller.ts';

/** Writes who asked for what, in the transaction that accepts it; the task's end writes the outcome. No secrets in `detail`. */
export async function auditIntent(
  tx: Queryable,
  caller: Caller,
  intent: { action: string; resource: string; taskId: string; detail?: Record<string, unknown> },
): Promise<void> {
  await insertAudit(tx, {
    kind: 'intent',
    actor: caller.account,
    requestId: caller.requestId,
    ...(caller.source === undefined ? {} : { source: caller.source }),
    ...intent,
  });
}
