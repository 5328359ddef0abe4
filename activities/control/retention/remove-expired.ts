import type { RetentionRuleName } from '../../../domain/retention/rules.ts';
import { inTransaction, type Queryable } from '../../../store/connection.ts';
import { noteRemoved, removeExpiredRows } from '../../../store/retention.ts';
import type { ControlDeps } from '../deps.ts';

/** Rows of one transaction: well within the time that one statement may take, with what goes with them. */
const ROWS_AT_A_TIME = 2_000;

/** Removes one batch of what a rule no longer keeps; a rule that keeps for ever removes nothing. May run twice. */
export async function removeExpired(
  deps: ControlDeps,
  { rule, runId }: { rule: RetentionRuleName; runId: string },
): Promise<{ removed: number; more: boolean }> {
  const days = deps.retention[rule];
  if (days === null) return { removed: 0, more: false };
  const limit = ROWS_AT_A_TIME;
  const note = (tx: Queryable, removed: number) => noteRemoved(tx, { rule, runId, removed });
  const result =
    rule === 'audit'
      ? await deps.auditTrimmer.trim({ days, limit, note })
      : await inTransaction(deps.db, async (tx) => {
          const removed = await removeExpiredRows(tx, rule, { days, limit });
          await note(tx, removed);
          return { removed, more: removed === limit };
        });
  if (result.removed > 0) deps.log.info({ rule, days, removed: result.removed }, 'removed what is no longer kept');
  return result;
}
