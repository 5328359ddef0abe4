import { insertAudit } from '../store/audit.ts';
import type { Queryable } from '../store/connection.ts';
import { askedBy } from './audit-intent.ts';
import type { Caller } from './caller.ts';

/**
 * Writes intent and outcome of a change that is made at once, in the transaction that makes it: either all three are there or
 * none. No secrets in `detail`.
 */
export async function auditChange(
  tx: Queryable,
  by: Pick<Caller, 'account' | 'source'> & { requestId?: string },
  change: { action: string; resource: string; detail?: Record<string, unknown> },
): Promise<void> {
  const row = { ...askedBy(by), ...change };
  await insertAudit(tx, { kind: 'intent', ...row });
  await insertAudit(tx, { kind: 'outcome', ...row, outcome: 'completed' });
}
