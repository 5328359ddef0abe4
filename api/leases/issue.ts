import { randomBytes } from 'node:crypto';
import type { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { leaseRoleName } from '../../domain/leases/names.ts';
import { termsFor, validUntil } from '../../domain/leases/terms.ts';
import { nextEndWithin, type Quota, QuotaUsedUp } from '../../store/lease-counts.ts';
import { insertLeaseRequest } from '../../store/lease-requests.ts';
import { findTemplate, type LeaseTemplate } from '../../store/lease-templates.ts';
import { findLeaseOfTask, type LeaseRecord } from '../../store/leases.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { mayUse } from '../access/may-use.ts';
import { refuseHeld } from '../approvals/hold.ts';
import type { Caller } from '../caller.ts';
import { ApiError, invalidInput } from '../errors.ts';
import { changeNow } from '../roles/change.ts';
import { passwordAfter } from '../roles/reveal.ts';
import type { issuedLeaseSchema, issueLeaseSchema } from '../schemas/lease.ts';
import { refuseInMaintenance } from '../servers/refuse-in-maintenance.ts';
import { noSuchServer, requireServer } from '../servers/require-server.ts';
import { createHandover, handoverWish, linkOfTask } from '../users/handover.ts';
import { patienceOf } from '../users/operation.ts';
import { wakeForNewEnd } from './clock.ts';
import type { LeaseDeps } from './deps.ts';
import { renderLease } from './render.ts';
import { noSuchTemplate, seesTemplate } from './visible.ts';

type Body = z.infer<typeof issueLeaseSchema>;
type Issued = z.infer<typeof issuedLeaseSchema>;

const PASSWORD_BYTES = 24;

/** What a lease is given for. */
interface Grant {
  server: ServerRecord;
  groups: string[];
  template: LeaseTemplate | undefined;
}

/**
 * Gives a lease: a login that is a member of group roles and has nothing else, until its end.
 * @param origin scheme and authority that the caller reached this API under
 * @throws ApiError 400, 403 with the rule, 404, 409 where the server is in maintenance or others have to approve, 429 with the figure
 */
export async function issueLease(deps: LeaseDeps, caller: Caller, body: Body, origin: string): Promise<Issued> {
  const grant = await grantFor(deps, caller, body);
  const serverName = grant.server.name;
  await Promise.all([
    refuseInMaintenance(deps, { serverName, what: 'no leases are given' }),
    refuseHeld(deps, caller, { serverName, kind: 'lease', roles: grant.groups, reason: body.reason }),
  ]);
  return deps.waitingRoom.enter(serverName, () => issue(deps, caller, { body, grant, origin }));
}

async function issue(
  deps: LeaseDeps,
  caller: Caller,
  of: { body: Body; grant: Grant; origin: string },
): Promise<Issued> {
  const { body, grant } = of;
  const { server, groups, template } = grant;
  const terms = termsFor({ ttl: body.ttl, maxTtl: body.max_ttl, template });
  if ('message' in terms) throw invalidInput([terms]);
  const wish = handoverWish(deps, body, of.origin);
  const id = uuidv7();
  const roleName = leaseRoleName(id, body.name);
  const now = Date.now();
  const endsAt = new Date(now + terms.ttlSeconds * 1_000);
  const maxEndsAt = new Date(now + terms.maxTtlSeconds * 1_000);
  const generated = randomBytes(PASSWORD_BYTES).toString('base64url');
  const done = await changeNow(deps, caller, {
    serverName: server.name,
    route: 'POST /v1/leases',
    content: body,
    document: {
      allow: ['legacy_names'],
      roles: [{ name: roleName, login: true, valid_until: validUntil(endsAt), password: generated, member_of: groups }],
    },
    prefix: 'roles[0].',
    options: {
      lease: {
        leaseId: id,
        act: 'issue',
        endsAt: endsAt.toISOString(),
        ...((caller.isAdmin || template !== undefined) && { foreignGroups: true }),
      },
      audit: { action: 'lease.create', resource: `lease/${id}` },
      ...patienceOf(caller),
    },
    detail: {
      server: server.name,
      username: roleName,
      roles: groups,
      reason_given: body.reason,
      ends_at: endsAt.toISOString(),
      max_ends_at: maxEndsAt.toISOString(),
      ...(template && { template: template.name }),
    },
    insert: (db, request) => {
      const lease = {
        ...{ id, roleName, endsAt, maxEndsAt },
        serverName: server.name,
        groupRoles: groups,
        templateId: template?.id ?? null,
        templateName: template?.name ?? null,
        ownerRole: template?.ownerRole ?? null,
        holder: caller.account,
        reason: body.reason,
        ttlSeconds: terms.ttlSeconds,
      };
      return insertLeaseRequest(db, request, { lease, quotas: quotasOf(deps, caller, grant) }).catch(
        async (error: unknown) => {
          throw error instanceof QuotaUsedUp ? await tooMany(deps, error.quota) : error;
        },
      );
    },
  });
  const lease = await findLeaseOfTask(deps.db, done.taskId);
  if (lease === undefined) throw new Error('a lease was accepted and is not on record');
  if (done.fresh) wakeForNewEnd(deps, lease);
  return answer(deps, caller, { lease, done, generated, wish, server });
}

async function answer(
  deps: LeaseDeps,
  caller: Caller,
  of: {
    lease: LeaseRecord;
    done: Awaited<ReturnType<typeof changeNow>>;
    generated: string;
    wish: ReturnType<typeof handoverWish>;
    server: ServerRecord;
  },
): Promise<Issued> {
  const { lease, done, generated, wish, server } = of;
  const shown = renderLease(lease);
  const { taskId } = done;
  const known = wish === undefined || done.fresh ? undefined : await linkOfTask(deps, taskId, wish);
  if (known !== undefined) return { ...shown, password: null, handover: known };
  const password = await passwordAfter(deps, caller, { role: lease.roleName, done, generated });
  if (wish === undefined) return { ...shown, password };
  const [endpoint] = server.endpoints;
  const place = {
    entry: {
      serverName: server.name,
      env: 'lease',
      dbName: server.maintenanceDb,
      hostname: endpoint?.address ?? '',
      port: endpoint?.port ?? 0,
    },
  };
  const link =
    password && (await createHandover(deps, caller, { place, username: lease.roleName, taskId, password, wish }));
  return { ...shown, password: null, handover: link || null };
}

/** @throws ApiError 400, 403, 404 */
async function grantFor(deps: LeaseDeps, caller: Caller, body: Body): Promise<Grant> {
  const { template: templateName, roles } = body;
  if (templateName !== undefined) {
    if (roles !== undefined) throw invalidInput([{ path: 'roles', message: 'the template says which' }]);
    return grantOfTemplate(deps, caller, { ...body, template: templateName });
  }
  if (caller.role === 'member') throw new ApiError('forbidden', 'members are given leases by a template; name one');
  const missing = [
    ...(body.server === undefined ? [{ path: 'server', message: 'is required without a template' }] : []),
    ...(roles === undefined ? [{ path: 'roles', message: 'is required without a template' }] : []),
  ];
  if (body.server === undefined || roles === undefined) throw invalidInput(missing);
  return { server: await visibleServer(deps, caller, body.server), groups: roles, template: undefined };
}

async function grantOfTemplate(
  deps: LeaseDeps,
  caller: Caller,
  of: { template: string; server?: string | undefined },
): Promise<Grant> {
  const template = await findTemplate(deps.db, { name: of.template });
  if (template === undefined || !seesTemplate(caller, template)) throw noSuchTemplate();
  const { serverName, labels, groupRoles: groups } = template;
  const wanted = of.server ?? serverName;
  if (wanted === null) {
    throw invalidInput([{ path: 'server', message: 'is required: the template is for several servers' }]);
  }
  if (serverName !== null && wanted !== serverName) {
    throw invalidInput([{ path: 'server', message: `the template is for server "${serverName}"` }]);
  }
  const server = await visibleServer(deps, caller, wanted);
  const lacking = Object.entries(labels ?? {}).filter(([name, value]) => server.labels[name] !== value);
  if (lacking.length > 0) {
    const text = lacking.map(([name, value]) => `${name}=${value}`).join(', ');
    throw invalidInput([{ path: 'server', message: `the template is for servers labelled ${text}` }]);
  }
  return { server, groups, template };
}

async function visibleServer(deps: LeaseDeps, caller: Caller, name: string): Promise<ServerRecord> {
  if (!mayUse(caller, 'servers', name)) throw noSuchServer(name);
  return requireServer(deps, name);
}

/** No bound of its own: it is counted all the same. */
const NO_BOUND = 2_147_483_647;

function quotasOf(deps: LeaseDeps, caller: Caller, { server, template }: Grant): Quota[] {
  const { perHolder, perServer } = deps.leases;
  return [
    { kind: 'holder', name: caller.account, most: perHolder },
    { kind: 'server', name: server.name, most: perServer },
    ...(template === undefined
      ? []
      : [{ kind: 'template' as const, name: template.id, most: template.quota ?? NO_BOUND }]),
  ];
}

const QUOTA_WORDS = {
  holder: () => 'this account has',
  server: (name: string) => `server "${name}" has`,
  template: () => 'the template has given',
} as const;

/** 429 with the figure. */
async function tooMany(deps: LeaseDeps, quota: Quota): Promise<ApiError> {
  const seconds = await nextEndWithin(deps.db, quota);
  return new ApiError(
    'too_many_requests',
    `${QUOTA_WORDS[quota.kind](quota.name)} ${quota.most} live leases, which is the most; one of them ends in ${seconds} s, or revoke one`,
    { headers: { 'Retry-After': String(seconds) } },
  );
}
