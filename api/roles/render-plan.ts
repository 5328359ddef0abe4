import type { z } from '@hono/zod-openapi';
import { maskedSql, type Plan } from '../../domain/access/plan.ts';
import type { planSchema } from '../schemas/access.ts';

export function renderPlan(plan: Plan): z.infer<typeof planSchema> {
  return {
    server: plan.server,
    hash: plan.hash,
    empty: plan.steps.length === 0,
    steps: plan.steps.map(({ database, action, summary, changes, statements }) => ({
      database,
      action,
      summary,
      changes,
      sql: statements.map(maskedSql),
    })),
    refusals: plan.refusals,
    notes: plan.notes,
    impact: plan.impact,
  };
}
