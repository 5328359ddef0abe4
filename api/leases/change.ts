import { z } from '@hono/zod-openapi';
import { v7 as uuidv7 } from 'uuid';
import { renewedEnd, validUntil } from '../../domain/leases/terms.ts';
import { inTransaction } from '../../store/connection.ts';
import { resolveLease } from '../../store/ending-leases.ts';
import { askEnd, askRetry, findLease, type LeaseRecord, lockLease, moveEnd } from '../../store/leases.ts';
import { noteAccepted } from '../audit/accepted.ts';
import { auditChange } from '../audit-change.ts';
import { auditIntent } from '../audit-intent.ts';
import type { Caller } from '../caller.ts';
import { ApiError } from '../errors.ts';
import { changeRequest } from '../idempotency.ts';
import { changeNow } from '../roles/change.ts';
import { patienceOf } from '../users/operation.ts';
import { wake, wakeForNewEnd } from './clock.ts';
import type { LeaseDeps } from './deps.ts';
import { noSuchLease, seesLease } from './visible.ts';

/** Longest wait for the end of a lease; after that it goes on without its caller. */
const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 1_000;

/** @throws ApiError 404 also where the caller may not see it (R6) */
export async function requireLease(deps: LeaseDeps, caller: Caller, id: string): Promise<LeaseRecord> {
  const lease = await findLease(deps.db, id);
  if (lease === undefined || !seesLease(caller, lease)) throw noSuchLease();
  return lease;
}

/** Moves the end of a lease, on the server first and for the caller then. @throws ApiError 409 for one that is over or has its longest end */
export async function renewLease(
  deps: LeaseDeps,
  caller: Caller,
  of: { id: string; ttl: number | undefined },
): Promise<LeaseRecord> {
  const lease = await requireLease(deps, caller, of.id);
  const { id, serverName, roleName, endsAt: before, maxEndsAt } = lease;
  const ttlSeconds = of.ttl ?? lease.ttlSeconds;
  const endsAt = renewedEnd({ now: new Date(), ttlSeconds, endsAt: before, maxEndsAt });
  await changeNow(deps, caller, {
    serverName,
    route: 'POST /v1/leases/{lease_id}/renew',
    content: of,
    document: { allow: ['legacy_names'], roles: [{ name: roleName, login: true, valid_until: validUntil(endsAt) }] },
    prefix: 'roles[0].',
    options: {
      lease: {
        leaseId: id,
        act: 'renew',
        ...(lease.roleOid !== null && { roleOid: lease.roleOid }),
        endsAt: endsAt.toISOString(),
        previousEndsAt: before.toISOString(),
      },
      audit: { action: 'lease.renew', resource: `lease/${id}` },
      ...patienceOf(caller),
    },
    detail: { server: serverName, username: roleName, ends_at: endsAt.toISOString() },
    alongside: async (tx) => {
      if (before >= maxEndsAt) {
        throw new ApiError(
          'lease_not_renewable',
          `the lease ends at ${maxEndsAt.toISOString()}, which no renewal moves`,
        );
      }
      if (await moveEnd(tx, { leaseId: id, endsAt })) return;
      throw new ApiError(
        'lease_not_active',
        `the lease is ${(await findLease(tx, id))?.state ?? 'gone'}; ask for a new one`,
      );
    },
  });
  const renewed = await requireLease(deps, caller, id);
  wakeForNewEnd(deps, renewed);
  return renewed;
}

const acceptedSchema = z.object({ leaseId: z.uuid() });

/** Ends a lease now, and waits for it within a bound. One that is over stays as it is. @throws ApiError 404, 409 while it is being given */
export async function revokeLease(deps: LeaseDeps, caller: Caller, id: string): Promise<LeaseRecord> {
  await requireLease(deps, caller, id);
  const route = 'POST /v1/leases/{lease_id}/revoke';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: acceptedSchema });
  await deps.signals.ready();
  await change.once(async () => {
    await inTransaction(deps.db, async (tx) => {
      const lease = await lockLease(tx, id);
      if (lease === undefined) throw noSuchLease();
      if (lease.state === 'issuing') {
        throw new ApiError('operation_already_in_progress', 'the lease is just being given; try again in a moment');
      }
      const revocationId = uuidv7();
      if (lease.state === 'failed') await askRetry(tx, id);
      if (await askEnd(tx, { leaseId: id, revocationId })) {
        const { serverName: server, roleName: username, holder } = lease;
        const detail = { server, username, holder };
        await auditIntent(tx, caller, {
          action: 'lease.revoke',
          resource: `lease/${id}`,
          taskId: revocationId,
          detail,
        });
      }
      await change.keep(tx, { leaseId: id });
    });
    return { leaseId: id };
  });
  noteAccepted(caller);
  return awaitEnd(deps, id);
}

/** Tries again to end a lease that could not be ended. @throws ApiError 409 for any other */
export async function retryLease(deps: LeaseDeps, caller: Caller, id: string): Promise<LeaseRecord> {
  await requireLease(deps, caller, id);
  const route = 'POST /v1/leases/{lease_id}/retry';
  const change = changeRequest(deps, { caller, route, content: { id }, answer: acceptedSchema });
  await change.atOnce(async (tx) => {
    if (!(await askRetry(tx, id))) throw notFailed();
    await auditChange(tx, caller, { action: 'lease.retry', resource: `lease/${id}` });
    return { leaseId: id };
  });
  return awaitEnd(deps, id);
}

/** Has a lease that could not be ended count as ended, on an administrator's word. @throws ApiError 409 for any other */
export async function resolveByHand(
  deps: LeaseDeps,
  caller: Caller,
  of: { id: string; reason: string },
): Promise<LeaseRecord> {
  const { id, reason } = of;
  await requireLease(deps, caller, id);
  const route = 'POST /v1/leases/{lease_id}/resolve';
  const change = changeRequest(deps, { caller, route, content: of, answer: acceptedSchema });
  await change.atOnce(async (tx) => {
    const lease = await resolveLease(tx, id);
    if (lease === undefined) throw notFailed();
    const { serverName: server, roleName: username, lastError } = lease;
    const detail = { server, username, reason_given: reason, was: lastError };
    await auditChange(tx, caller, { action: 'lease.resolve', resource: `lease/${id}`, detail });
    return { leaseId: id };
  });
  return requireLease(deps, caller, id);
}

function notFailed(): ApiError {
  return new ApiError('lease_not_failed', 'only a lease whose end has failed is tried again or resolved by hand');
}

async function awaitEnd(deps: LeaseDeps, id: string): Promise<LeaseRecord> {
  const deadline = performance.now() + WAIT_MS;
  for (let first = true; ; first = false) {
    const signal = deps.signals.next('ended', id, Math.min(LOOK_EVERY_MS, deadline - performance.now()));
    const lease = await findLease(deps.db, id);
    if (lease === undefined) throw noSuchLease();
    if (lease.state !== 'ending' || performance.now() >= deadline) {
      signal.cancel();
      return lease;
    }
    if (first) wake(deps, lease.serverName);
    await signal.promise;
  }
}
