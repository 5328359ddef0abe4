import { type AuditDetail, type AuditRow, insertAudit } from '../store/audit.ts';
import type { Queryable } from '../store/connection.ts';
import type { Caller } from './caller.ts';

/** Who asked, for a row of the audit log. */
export function askedBy(
  caller: Pick<Caller, 'account' | 'source' | 'tokenId'> & { requestId?: string },
): Pick<AuditRow, 'actor' | 'tokenId' | 'source' | 'requestId'> {
  return {
    actor: caller.account,
    ...(caller.tokenId === undefined ? {} : { tokenId: caller.tokenId }),
    ...(caller.requestId === undefined ? {} : { requestId: caller.requestId }),
    ...(caller.source === undefined ? {} : { source: caller.source }),
  };
}

/** Writes who asked for what, in the transaction that accepts it; the task's end writes the outcome. No secrets in `detail`. */
export async function auditIntent(
  tx: Queryable,
  caller: Caller,
  intent: { action: string; resource: string; taskId: string; detail?: AuditDetail },
): Promise<void> {
  await insertAudit(tx, {
    kind: 'intent',
    ...askedBy(caller),
    ...intent,
  });
}
