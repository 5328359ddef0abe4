import type { Rule } from '../context.ts';

/** What an update cannot change. A tenant set at creation must be sent again with each update. */
export const unchangeableRule: Rule = function* ({ tenant_id: tenantId, spec }, { previous }) {
  if (previous === undefined) return;
  if (previous.tenantId !== tenantId) {
    yield { path: '', message: 'invalid database update: tenant ID cannot be changed' };
  }
  if (previous.databaseName !== spec.database_name) {
    yield { path: '', message: 'invalid database update: database name cannot be changed' };
  }
};
