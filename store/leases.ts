import type { LeaseEnd, LeaseReceipt, LeaseState } from '../domain/leases/lease.ts';
import type { LiveLease } from '../domain/leases/strays.ts';
import type { Queryable } from './connection.ts';
import { type KeysetPage, keyset } from './keyset.ts';
import { uncount } from './lease-counts.ts';
import { prepared } from './prepared.ts';

/** A lease, as it is on record. */
export interface LeaseRecord {
  id: string;
  serverName: string;
  roleName: string;
  roleOid: number | null;
  groupRoles: string[];
  templateId: string | null;
  templateName: string | null;
  /** Role that gets what the login leaves; null: one made for the purpose. */
  ownerRole: string | null;
  /** Account that it was given to. */
  holder: string;
  reason: string;
  state: LeaseState;
  issueTask: string;
  ttlSeconds: number;
  createdAt: Date;
  endsAt: Date;
  maxEndsAt: Date;
  dueAt: Date | null;
  endReason: LeaseEnd | null;
  revocationId: string | null;
  attempts: number;
  lastError: string | null;
  dropTask: string | null;
  endedAt: Date | null;
  receipt: LeaseReceipt | null;
}

export const LEASE_COLUMNS = `id, server_name AS "serverName", role_name AS "roleName", role_oid AS "roleOid",
  group_roles AS "groupRoles", template_id AS "templateId", template_name AS "templateName", owner_role AS "ownerRole", holder,
  reason, state, issue_task AS "issueTask", ttl_seconds AS "ttlSeconds", created_at AS "createdAt", ends_at AS "endsAt",
  max_ends_at AS "maxEndsAt", due_at AS "dueAt", end_reason AS "endReason", revocation_id AS "revocationId", attempts,
  last_error AS "lastError", drop_task AS "dropTask", ended_at AS "endedAt", receipt`;

const FIND_LEASE = prepared('find_lease', `SELECT ${LEASE_COLUMNS} FROM leases WHERE id = $1`);

export async function findLease(db: Queryable, id: string): Promise<LeaseRecord | undefined> {
  const { rows } = await db.query<LeaseRecord>(FIND_LEASE([id]));
  return rows[0];
}

export async function lockLease(tx: Queryable, id: string): Promise<LeaseRecord | undefined> {
  const { rows } = await tx.query<LeaseRecord>(`SELECT ${LEASE_COLUMNS} FROM leases WHERE id = $1 FOR UPDATE`, [id]);
  return rows[0];
}

const FIND_OF_TASK = prepared('find_lease_of_task', `SELECT ${LEASE_COLUMNS} FROM leases WHERE issue_task = $1`);

/** The lease whose login a task makes. */
export async function findLeaseOfTask(db: Queryable, taskId: string): Promise<LeaseRecord | undefined> {
  const { rows } = await db.query<LeaseRecord>(FIND_OF_TASK([taskId]));
  return rows[0];
}

/** Which leases a list shows. */
export interface LeaseFilter {
  serverName?: string | undefined;
  states?: readonly LeaseState[] | undefined;
  holder?: string | undefined;
  /** Only on these servers. */
  serverNames?: readonly string[] | undefined;
}

/** A page of leases, and one more where there is a next page. */
export async function listLeases(
  db: Queryable,
  filter: LeaseFilter,
  page: Omit<KeysetPage, 'orderField'>,
): Promise<LeaseRecord[]> {
  const part = keyset({ ...page, orderField: 'id' }, { id: 'id', name: 'role_name' }, 5);
  const { rows } = await db.query<LeaseRecord>(
    `SELECT ${LEASE_COLUMNS} FROM leases
     WHERE ($1::text IS NULL OR server_name = $1) AND ($2::text[] IS NULL OR state = ANY ($2))
       AND ($3::text IS NULL OR holder = $3) AND ($4::text[] IS NULL OR server_name = ANY ($4))
       AND ${part.condition} ${part.orderAndLimit}`,
    [
      filter.serverName ?? null,
      filter.states ?? null,
      filter.holder ?? null,
      filter.serverNames ?? null,
      ...part.values,
    ],
  );
  return rows;
}

/** Leases whose logins are on the server now: they end when their time has come. */
export async function activateLeases(
  tx: Queryable,
  made: readonly { leaseId: string; roleOid: number }[],
): Promise<void> {
  if (made.length === 0) return;
  await tx.query(
    `UPDATE leases SET state = 'active', role_oid = made.oid, due_at = ends_at
     FROM unnest($1::uuid[], $2::bigint[]) AS made (id, oid) WHERE leases.id = made.id AND state = 'issuing'`,
    [made.map(({ leaseId }) => leaseId), made.map(({ roleOid }) => roleOid)],
  );
}

/** Leases that the server or a rule refused: nothing of them is there. */
export async function refuseLeases(
  tx: Queryable,
  refused: readonly { leaseId: string; error: string }[],
): Promise<void> {
  if (refused.length === 0) return;
  const { rows } = await tx.query<LeaseRecord>(
    `UPDATE leases SET state = 'refused', ended_at = now(), last_error = refused.error
     FROM unnest($1::uuid[], $2::text[]) AS refused (id, error)
     WHERE leases.id = refused.id AND state = 'issuing'
     RETURNING holder, server_name AS "serverName", template_id AS "templateId"`,
    [refused.map(({ leaseId }) => leaseId), refused.map(({ error }) => error)],
  );
  await uncount(tx, rows);
}

/** Leases of which nobody can tell whether their logins were made: whatever is there has to go. */
export async function doubtLeases(tx: Queryable, failed: readonly { leaseId: string; error: string }[]): Promise<void> {
  if (failed.length === 0) return;
  await tx.query(
    `UPDATE leases SET state = 'ending', end_reason = 'not_issued', due_at = now(), last_error = failed.error
     FROM unnest($1::uuid[], $2::text[]) AS failed (id, error) WHERE leases.id = failed.id AND state = 'issuing'`,
    [failed.map(({ leaseId }) => leaseId), failed.map(({ error }) => error)],
  );
}

/** Moves the end of an active lease that has not come yet. @returns false when it has */
export async function moveEnd(tx: Queryable, to: { leaseId: string; endsAt: Date }): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE leases SET ends_at = $2, due_at = $2 WHERE id = $1 AND state = 'active' AND ends_at > now()`,
    [to.leaseId, to.endsAt],
  );
  return rowCount === 1;
}

/** Takes a renewal back that the server was not told of, unless another one came since. */
export async function restoreEnds(
  tx: Queryable,
  failed: readonly { leaseId: string; endsAt: string; previousEndsAt: string }[],
): Promise<void> {
  if (failed.length === 0) return;
  await tx.query(
    `UPDATE leases SET ends_at = failed.before, due_at = failed.before
     FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS failed (id, wanted, before)
     WHERE leases.id = failed.id AND state = 'active' AND ends_at = failed.wanted`,
    [
      failed.map(({ leaseId }) => leaseId),
      failed.map(({ endsAt }) => endsAt),
      failed.map(({ previousEndsAt }) => previousEndsAt),
    ],
  );
}

/** Has an active lease end now. @returns false when it is not active */
export async function askEnd(tx: Queryable, of: { leaseId: string; revocationId: string }): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE leases SET state = 'ending', end_reason = 'revoked', revocation_id = $2, due_at = now()
     WHERE id = $1 AND state = 'active'`,
    [of.leaseId, of.revocationId],
  );
  return rowCount === 1;
}

/** Has a lease that could not be ended tried again now. @returns false when it is not waiting for that */
export async function askRetry(tx: Queryable, leaseId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE leases SET state = 'ending', attempts = 0, due_at = now() WHERE id = $1 AND state = 'failed'`,
    [leaseId],
  );
  return rowCount === 1;
}

/** What is on record of the live leases of a server: for comparing with what is there. */
export async function liveLeasesOf(db: Queryable, serverName: string): Promise<LiveLease[]> {
  const { rows } = await db.query<LiveLease>(
    `SELECT id, role_name AS "roleName", role_oid AS "roleOid", ends_at AS "endsAt", state = 'ending' AS ending FROM leases
     WHERE server_name = $1 AND state NOT IN ('ended', 'refused')`,
    [serverName],
  );
  return rows;
}

/** When leases that are renewed end now, by id: the last of several renewals counts, whichever is carried out last. */
export async function endsOf(db: Queryable, ids: readonly string[]): Promise<Map<string, Date>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; endsAt: Date }>(
    'SELECT id, ends_at AS "endsAt" FROM leases WHERE id = ANY ($1)',
    [ids],
  );
  return new Map(rows.map(({ id, endsAt }) => [id, endsAt]));
}
