import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import {
  FIXED_RETENTION,
  RETENTION_RULE_NAMES,
  RETENTION_RULES,
  type RetentionRuleName,
} from '../../domain/retention/rules.ts';
import { countExpiredAudit } from '../../store/audit-checkpoints.ts';
import { countExpired, retentionRuns } from '../../store/retention.ts';
import type { ApiVariables } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { answerInvalidShape } from '../request-validation.ts';
import { json, refused } from '../schemas/responses.ts';
import { retentionSchema } from '../schemas/retention.ts';

/** Counting more would only say that it is much. */
const COUNTED = 100_000;

const getRoute = createRoute({
  method: 'get',
  path: '/v1/retention',
  summary: 'What is removed when it is old, and what would be removed now',
  responses: {
    200: json(retentionSchema, 'Each rule, with what it would remove. Nothing is removed by looking.'),
    403: refused('Only an administrator may.'),
  },
});

/** A dry look at retention. */
export function retentionRoutes(deps: ApiDeps): OpenAPIHono<ApiVariables> {
  const app = new OpenAPIHono<ApiVariables>({ defaultHook: answerInvalidShape });

  app.openapi(getRoute, async (c) => {
    const runs = await retentionRuns(deps.db);
    const rules = await Promise.all(
      RETENTION_RULE_NAMES.map(async (rule) => {
        const { what, kept, setting } = RETENTION_RULES[rule];
        const run = runs.get(rule);
        return {
          rule,
          what,
          kept,
          setting,
          keep_days: deps.retention[rule],
          due: await dueNow(deps, rule),
          last_run_at: run?.lastRunAt.toISOString() ?? null,
          last_removed: run?.lastRemoved ?? 0,
          removed: run?.removed ?? 0,
        };
      }),
    );
    return c.json({ rules, fixed: [...FIXED_RETENTION] }, 200);
  });

  return app;
}

async function dueNow({ db, retention }: ApiDeps, rule: RetentionRuleName): Promise<number> {
  const days = retention[rule];
  if (days === null) return 0;
  if (rule === 'audit') return countExpiredAudit(db, { days, limit: COUNTED });
  return countExpired(db, rule, { days, atMost: COUNTED });
}
