import type { z } from '@hono/zod-openapi';
import type { LeaseTemplate } from '../../store/lease-templates.ts';
import type { LeaseRecord } from '../../store/leases.ts';
import type { leaseSchema, templateSchema } from '../schemas/lease.ts';
import { timestamp } from '../time.ts';

/** A lease, without its password. */
export function renderLease(lease: LeaseRecord): z.infer<typeof leaseSchema> {
  const isEnding = lease.state === 'ending' || lease.state === 'failed';
  return {
    id: lease.id,
    server: lease.serverName,
    username: lease.roleName,
    roles: lease.groupRoles,
    ...(lease.templateName === null ? {} : { template: lease.templateName }),
    holder: lease.holder,
    reason: lease.reason,
    state: lease.state,
    created_at: timestamp(lease.createdAt),
    ends_at: timestamp(lease.endsAt),
    max_ends_at: timestamp(lease.maxEndsAt),
    ...(lease.endedAt === null ? {} : { ended_at: timestamp(lease.endedAt) }),
    ...(lease.endReason === null ? {} : { end_reason: lease.endReason }),
    ...(isEnding ? { attempts: lease.attempts } : {}),
    ...(lease.lastError === null ? {} : { last_error: lease.lastError }),
    ...(isEnding && lease.dueAt !== null ? { next_attempt_at: timestamp(lease.dueAt) } : {}),
    ...(isEnding && lease.dropTask !== null ? { drop_task_id: lease.dropTask } : {}),
    ...(lease.receipt === null ? {} : { receipt: lease.receipt }),
  };
}

export function renderTemplate(template: LeaseTemplate): z.infer<typeof templateSchema> {
  const { id, name, serverName, labels, groupRoles, ownerRole, quota, accounts } = template;
  return {
    ...{ id, name },
    ...(serverName === null ? {} : { server: serverName }),
    ...(labels === null ? {} : { labels }),
    roles: groupRoles,
    owner_role: ownerRole,
    default_ttl: template.defaultTtlSeconds,
    max_ttl: template.maxTtlSeconds,
    quota,
    accounts,
    created_at: timestamp(template.createdAt),
    updated_at: timestamp(template.updatedAt),
  };
}
