import type { z } from '@hono/zod-openapi';
import { type AccessChange, maskedSql, type Plan } from '../../domain/access/plan.ts';
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
    impact: {
      ...plan.impact,
      sessions: plan.impact.sessions ?? [],
      gained: plan.impact.gained.map(renderChange),
      lost: plan.impact.lost.map(renderChange),
    },
  };
}

function renderChange({ moreLogins, bySetRole, ...change }: AccessChange) {
  return {
    ...change,
    ...(moreLogins === undefined ? {} : { more_logins: moreLogins }),
    ...(bySetRole === undefined ? {} : { by_set_role: bySetRole }),
  };
}
