import type { Queryable } from '../../../../../store/connection.ts';
import { activateLeases, doubtLeases, refuseLeases, restoreEnds } from '../../../../../store/leases.ts';
import type { Ended } from '../close-round.ts';

/** What became of leases, in the transaction that closes their requests. */
export async function settleLeases(tx: Queryable, ended: readonly Ended[]): Promise<void> {
  const made: { leaseId: string; roleOid: number }[] = [];
  const refused: { leaseId: string; error: string }[] = [];
  const doubted: { leaseId: string; error: string }[] = [];
  const unrenewed: { leaseId: string; endsAt: string; previousEndsAt: string }[] = [];
  for (const { work, outcome, error = '' } of ended) {
    const { lease } = work.options;
    if (lease === undefined) continue;
    const { leaseId, endsAt, previousEndsAt } = lease;
    if (outcome.state === 'done') {
      const [role] = outcome.roles;
      if (lease.act === 'issue' && role !== undefined) made.push({ leaseId, roleOid: role.oid });
    } else if (lease.act === 'renew') {
      if (previousEndsAt !== undefined) unrenewed.push({ leaseId, endsAt, previousEndsAt });
    } else if (outcome.state === 'failed' && !outcome.failure.retryable) {
      // The server, or a rule, said no.
      refused.push({ leaseId, error });
    } else {
      doubted.push({ leaseId, error });
    }
  }
  await activateLeases(tx, made);
  await refuseLeases(tx, refused);
  await doubtLeases(tx, doubted);
  await restoreEnds(tx, unrenewed);
}
