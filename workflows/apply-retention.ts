import { workflowInfo } from '@temporalio/workflow';
import { RETENTION_RULE_NAMES, RETENTION_RULES, type RetentionRuleName } from '../domain/retention/rules.ts';
import { RETENTION_BATCHES_PER_RUN, RETENTION_BUDGET_MS } from './policies.ts';
import { control } from './proxies.ts';

/**
 * Removes what is no longer kept, in small batches. Run by a schedule, one at a time; what one run does not get to is for the next.
 * @returns rows removed, by rule
 */
export async function applyRetention(): Promise<Partial<Record<RetentionRuleName, number>>> {
  const { runId } = workflowInfo();
  const removed: Partial<Record<RetentionRuleName, number>> = {};
  for (const rule of RETENTION_RULE_NAMES) {
    const summary = `remove ${RETENTION_RULES[rule].what}`;
    for (let batch = 0; batch < RETENTION_BATCHES_PER_RUN; batch += 1) {
      const budgetMs = RETENTION_BUDGET_MS;
      const result = await control('bookkeeping', { summary, budgetMs }).removeExpired({ rule, runId });
      removed[rule] = (removed[rule] ?? 0) + result.removed;
      if (!result.more) break;
    }
  }
  return removed;
}
