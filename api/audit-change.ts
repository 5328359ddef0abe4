import { type AuditDetail, insertAudit } from '../store/audit.ts';
import type { Queryable } from '../store/connection.ts';
import { askedBy } from './audit-intent.ts';
import type { Caller } from './caller.ts';

/**
 * Writes intent and outcome of a change that is made at once, in the transaction that makes it: either all three are there or
 * none. No secrets in `detail`.
 */
export async function auditChange(
  tx: Queryable,
  by: Pick<Caller, 'account' | 'source' | 'tokenId'> & { requestId?: string },
  change: { action: string; resource: string; taskId?: string; detail?: AuditDetail },
): Promise<void> {
  const row = { ...askedBy(by), ...change };
  await insertAudit(tx, { kind: 'intent', ...row });
  await insertAudit(tx, { kind: 'outcome', ...row, outcome: 'completed' });
}
