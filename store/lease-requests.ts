import pg from 'pg';
import { type AcceptedRequest, requestRows, requestSql } from './accepted-requests.ts';
import type { Queryable } from './connection.ts';
import { type Quota, QuotaUsedUp } from './lease-counts.ts';
import type { LeaseRecord } from './leases.ts';
import { prepared } from './prepared.ts';

/** A lease as it is accepted. */
export type NewLease = Pick<
  LeaseRecord,
  | 'id'
  | 'serverName'
  | 'roleName'
  | 'groupRoles'
  | 'templateId'
  | 'templateName'
  | 'ownerRole'
  | 'holder'
  | 'reason'
  | 'ttlSeconds'
  | 'endsAt'
  | 'maxEndsAt'
>;

/**
 * One statement, so that the counters, which every other request for the server needs, are locked for as long as a commit takes and not for
 * as long as this process takes to send it.
 */
const INSERT_LEASE = prepared(
  'insert_lease',
  requestSql(
    `, lease AS (
     INSERT INTO leases (id, server_name, role_name, group_roles, template_id, template_name, owner_role, holder, reason, state,
       issue_task, ttl_seconds, ends_at, max_ends_at)
     SELECT $2::uuid, $3::text, $4::text, $5::text[], $6::uuid, $7::text, $8::text, $9::text, $10::text, 'issuing',
       id, $11::int, $12::timestamptz, $13::timestamptz FROM task
   )`,
    ', count_lease($14::text[], $15::text[], $16::int[])',
  ),
);

/** SQLSTATE of `count_lease` where a quota is used up; the detail says which. */
const QUOTA_USED_UP = 'PSQ01';

/**
 * Records a request for a lease with the lease.
 * @param quotas one for each that counts it, also those without a bound of their own
 * @returns whether there is such a server
 * @throws QuotaUsedUp
 */
export async function insertLeaseRequest(
  tx: Queryable,
  request: AcceptedRequest,
  { lease, quotas }: { lease: NewLease; quotas: readonly Quota[] },
): Promise<boolean> {
  try {
    const { rowCount } = await tx.query(
      INSERT_LEASE([
        requestRows([request]),
        lease.id,
        lease.serverName,
        lease.roleName,
        lease.groupRoles,
        lease.templateId,
        lease.templateName,
        lease.ownerRole,
        lease.holder,
        lease.reason,
        lease.ttlSeconds,
        lease.endsAt,
        lease.maxEndsAt,
        quotas.map(({ kind }) => kind),
        quotas.map(({ name }) => name),
        quotas.map(({ most }) => most),
      ]),
    );
    return rowCount === 1;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === QUOTA_USED_UP)) throw error;
    const quota = quotas.find(({ kind }) => kind === error.detail);
    throw quota === undefined ? error : new QuotaUsedUp(quota);
  }
}
