import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import type { Problem } from '../../domain/spec/problems.ts';
import {
  deleteTemplate,
  insertTemplate,
  type LeaseTemplate,
  lockTemplate,
  updateTemplate,
} from '../../store/lease-templates.ts';
import { auditChange } from '../audit-change.ts';
import type { Caller } from '../caller.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { type changeTemplateSchema, type createTemplateSchema, templateSchema } from '../schemas/lease.ts';
import { requireServer } from '../servers/require-server.ts';
import type { LeaseDeps } from './deps.ts';
import { renderTemplate } from './render.ts';
import { noSuchTemplate } from './visible.ts';

type Shown = z.infer<typeof templateSchema>;
type Stored = Omit<LeaseTemplate, 'createdAt' | 'updatedAt'>;

const resourceOf = (id: string): string => `lease_template/${id}`;

/** Adds a template. @throws ApiError 400, 404, 409 */
export function createTemplate(
  deps: LeaseDeps,
  caller: Caller,
  body: z.infer<typeof createTemplateSchema>,
): Promise<Shown> {
  const route = 'POST /v1/lease-templates';
  const change = changeRequest(deps, { caller, route, content: body, answer: templateSchema });
  return change.atOnce(async (tx) => {
    const template: Stored = {
      id: uuidv7(),
      name: body.name,
      serverName: body.server ?? null,
      labels: body.labels ?? null,
      groupRoles: body.roles,
      ownerRole: body.owner_role ?? null,
      defaultTtlSeconds: body.default_ttl,
      maxTtlSeconds: body.max_ttl,
      quota: body.quota ?? null,
      accounts: body.accounts ?? [],
    };
    await assertSound(deps, template);
    const made = await insertTemplate(tx, template);
    if (made === undefined) throw nameTaken(body.name);
    const detail = { after: auditable(made) };
    await auditChange(tx, caller, { action: 'lease_template.create', resource: resourceOf(made.id), detail });
    return renderTemplate(made);
  });
}

/** Changes a template; leases that it has given stay as they are. @throws ApiError 400, 404, 409 */
export function changeTemplate(
  deps: LeaseDeps,
  caller: Caller,
  request: { id: string; body: z.infer<typeof changeTemplateSchema> },
): Promise<Shown> {
  const { id, body } = request;
  const route = 'PATCH /v1/lease-templates/{template_id}';
  const change = changeRequest(deps, { caller, route, content: request, answer: templateSchema });
  return change.atOnce(async (tx) => {
    const before = await lockTemplate(tx, id);
    if (before === undefined) throw noSuchTemplate();
    const moved = body.server !== undefined || body.labels !== undefined;
    const template: Stored = {
      id,
      name: body.name ?? before.name,
      serverName: moved ? (body.server ?? null) : before.serverName,
      labels: moved ? (body.labels ?? null) : before.labels,
      groupRoles: body.roles ?? before.groupRoles,
      ownerRole: body.owner_role === undefined ? before.ownerRole : body.owner_role,
      defaultTtlSeconds: body.default_ttl ?? before.defaultTtlSeconds,
      maxTtlSeconds: body.max_ttl ?? before.maxTtlSeconds,
      quota: body.quota === undefined ? before.quota : body.quota,
      accounts: body.accounts ?? before.accounts,
    };
    await assertSound(deps, template);
    const after = await updateTemplate(tx, template);
    if (after === undefined) throw nameTaken(template.name);
    const detail = { before: auditable(before), after: auditable(after) };
    await auditChange(tx, caller, { action: 'lease_template.change', resource: resourceOf(id), detail });
    return renderTemplate(after);
  });
}

export function removeTemplate(deps: LeaseDeps, caller: Caller, id: string): Promise<Shown> {
  const route = 'DELETE /v1/lease-templates/{template_id}';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: templateSchema });
  return change.atOnce(async (tx) => {
    const before = await lockTemplate(tx, id);
    if (before === undefined) throw noSuchTemplate();
    await deleteTemplate(tx, id);
    const detail = { before: auditable(before) };
    await auditChange(tx, caller, { action: 'lease_template.delete', resource: resourceOf(id), detail });
    return renderTemplate(before);
  });
}

async function assertSound(deps: LeaseDeps, template: Stored): Promise<void> {
  const { serverName, labels, defaultTtlSeconds, maxTtlSeconds } = template;
  const problems: Problem[] = [
    ...((serverName === null) === (labels === null)
      ? [{ path: 'server', message: 'name either a server, or labels of servers' }]
      : []),
    ...(defaultTtlSeconds > maxTtlSeconds
      ? [{ path: 'default_ttl', message: `is above max_ttl, which is ${maxTtlSeconds} s` }]
      : []),
  ];
  if (problems.length > 0) throw invalidInput(problems);
  if (serverName !== null) await requireServer(deps, serverName);
}

function nameTaken(name: string): ApiError {
  return new ApiError('template_already_exists', `a lease template with the name "${name}" exists already`);
}

function auditable({ createdAt: _, updatedAt: __, ...template }: LeaseTemplate) {
  return template;
}
