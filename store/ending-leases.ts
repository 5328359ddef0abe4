import { LEASE_OWNER, type LeaseReceipt } from '../domain/leases/lease.ts';
import type { NextTry } from '../domain/leases/retry.ts';
import type { Queryable } from './connection.ts';
import { countAgain, uncount } from './lease-counts.ts';
import { LEASE_COLUMNS, type LeaseRecord } from './leases.ts';
import { CHANNELS } from './signals.ts';

/** How long a run has a lease to itself; one that lives renews nothing, because a batch takes seconds. */
const CLAIM_SECONDS = 120;

/**
 * Claims leases of a server that are to end now: those whose time has come, and those that this run had claimed before it was cut
 * short. Another run gets none of them until the claim has expired.
 */
export async function claimDueLeases(
  db: Queryable,
  of: { serverName: string; runId: string; limit: number },
): Promise<LeaseRecord[]> {
  const { rows } = await db.query<LeaseRecord>(
    `UPDATE leases SET claimed_by = $2, due_at = now() + make_interval(secs => ${CLAIM_SECONDS}), attempts = attempts + 1,
       state = CASE state WHEN 'active' THEN 'ending' ELSE state END, end_reason = coalesce(end_reason, 'expired'),
       revocation_id = coalesce(revocation_id, gen_random_uuid())
     WHERE id IN (
       SELECT id FROM leases WHERE server_name = $1 AND due_at <= now() + make_interval(secs => ${CLAIM_SECONDS})
         AND (due_at <= now() OR claimed_by = $2) ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING ${LEASE_COLUMNS}`,
    [of.serverName, of.runId, of.limit],
  );
  return rows;
}

/** Notes until when nothing is to be done on a server, as far as is known. */
export async function setClock(db: Queryable, serverName: string): Promise<void> {
  await db.query(
    `INSERT INTO lease_clocks (server_name, wakes_at) SELECT $1, min(due_at) FROM leases WHERE server_name = $1
     ON CONFLICT (server_name) DO UPDATE SET wakes_at = excluded.wakes_at`,
    [serverName],
  );
}

/** Until when the run of a server sleeps; null: it has nothing to wait for, or there is none. */
export async function readClock(db: Queryable, serverName: string): Promise<Date | null> {
  const { rows } = await db.query<{ wakesAt: Date | null }>(
    'SELECT wakes_at AS "wakesAt" FROM lease_clocks WHERE server_name = $1',
    [serverName],
  );
  return rows[0]?.wakesAt ?? null;
}

/** Milliseconds until something is to be done on a server; 0 when it is time; null: nothing is. */
export async function nextDueIn(db: Queryable, serverName: string): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `SELECT (extract(epoch FROM min(due_at) - now()) * 1000)::float8 AS ms FROM leases
     WHERE server_name = $1 AND due_at IS NOT NULL`,
    [serverName],
  );
  const ms = rows[0]?.ms ?? null;
  return ms === null ? null : Math.max(0, Math.ceil(ms));
}

/** Servers where something was to be done a while ago and nobody has: their runs are gone. */
export async function serversWithOverdueLeases(db: Queryable, of: { olderThanMs: number }): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT DISTINCT server_name AS name FROM leases
     WHERE due_at <= now() - make_interval(secs => $1 / 1000.0)`,
    [of.olderThanMs],
  );
  return rows.map(({ name }) => name);
}

/** When a lease is looked at again. */
export interface Postponed extends NextTry {
  leaseId: string;
  error: string;
  /** Task that takes apart what the login owns; null: none, or one that is over. */
  dropTask: string | null;
}

export async function postponeLeases(tx: Queryable, postponed: readonly Postponed[]): Promise<void> {
  if (postponed.length === 0) return;
  await tx.query(
    `WITH p AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1) AS p ("leaseId" uuid, state text, "afterMs" float8, error text, "dropTask" uuid)
     ), changed AS (
       UPDATE leases SET state = p.state, due_at = now() + make_interval(secs => p."afterMs" / 1000), last_error = p.error,
         drop_task = p."dropTask", claimed_by = NULL
       FROM p WHERE leases.id = p."leaseId" AND leases.state IN ('ending', 'failed')
     )
     SELECT pg_notify('${CHANNELS.ended}', "leaseId"::text) FROM p WHERE state = 'failed'`,
    [JSON.stringify(postponed)],
  );
}

/** A lease whose login waits for the task that takes it apart: no attempt of its own. */
export async function awaitDrop(
  tx: Queryable,
  of: { leaseId: string; dropTask: string; afterMs: number },
): Promise<void> {
  await tx.query(
    `UPDATE leases SET drop_task = $2, due_at = now() + make_interval(secs => $3 / 1000.0), claimed_by = NULL,
       attempts = greatest(0, attempts - 1)
     WHERE id = $1 AND state IN ('ending', 'failed')`,
    [of.leaseId, of.dropTask, of.afterMs],
  );
}

/** Closes leases whose logins are gone, tells those who wait, and forgets the roles. @returns those that this call has closed */
export async function closeLeases(
  tx: Queryable,
  ended: readonly { leaseId: string; receipt: LeaseReceipt }[],
): Promise<LeaseRecord[]> {
  if (ended.length === 0) return [];
  const { rows } = await tx.query<LeaseRecord>(
    `UPDATE leases SET state = CASE end_reason WHEN 'not_issued' THEN 'refused' ELSE 'ended' END, ended_at = now(),
       due_at = NULL, claimed_by = NULL, receipt = e.proof,
       last_error = CASE end_reason WHEN 'not_issued' THEN last_error END
     FROM jsonb_to_recordset($1) AS e ("leaseId" uuid, proof jsonb)
     WHERE leases.id = e."leaseId" AND state IN ('ending', 'failed')
     RETURNING ${LEASE_COLUMNS}`,
    [JSON.stringify(ended.map(({ leaseId, receipt: proof }) => ({ leaseId, proof })))],
  );
  if (rows.length === 0) return [];
  await tx.query(
    `DELETE FROM credentials USING unnest($1::text[], $2::text[], $3::bigint[]) AS gone (server, role, oid)
     WHERE server_name = gone.server AND role_name = gone.role AND (role_oid = gone.oid OR owner = '${LEASE_OWNER}')`,
    [
      rows.map(({ serverName }) => serverName),
      rows.map(({ roleName }) => roleName),
      rows.map(({ receipt }) => receipt?.oid ?? null),
    ],
  );
  await tx.query(`SELECT pg_notify('${CHANNELS.ended}', $1)`, [rows.map(({ id }) => id).join(',')]);
  await uncount(tx, rows);
  return rows;
}

/** Closes a lease that could not be ended, without any proof. @returns undefined for one that is not waiting for that */
export async function resolveLease(tx: Queryable, leaseId: string): Promise<LeaseRecord | undefined> {
  const { rows } = await tx.query<LeaseRecord>(
    `UPDATE leases SET state = 'ended', ended_at = now(), due_at = NULL, claimed_by = NULL
     WHERE id = $1 AND state = 'failed' RETURNING ${LEASE_COLUMNS}`,
    [leaseId],
  );
  const [lease] = rows;
  if (lease === undefined) return undefined;
  await tx.query('DELETE FROM credentials WHERE server_name = $1 AND role_name = $2 AND owner = $3', [
    lease.serverName,
    lease.roleName,
    LEASE_OWNER,
  ]);
  await uncount(tx, rows);
  return lease;
}

/**
 * Has leases end once more whose login is there although they are over: only those that are on record, and by the role that they had.
 * @returns their ids
 */
export async function endAgain(
  tx: Queryable,
  of: { serverName: string; logins: readonly { leaseId: string; oid: number }[] },
): Promise<string[]> {
  if (of.logins.length === 0) return [];
  const { rows } = await tx.query<LeaseRecord>(
    `UPDATE leases SET state = 'ending', due_at = now(), ended_at = NULL, receipt = NULL, claimed_by = NULL, attempts = 0,
       drop_task = NULL, revocation_id = gen_random_uuid(), end_reason = coalesce(end_reason, 'not_issued')
     FROM unnest($2::uuid[], $3::bigint[]) AS back (lease, oid)
     WHERE id = back.lease AND server_name = $1 AND state IN ('ended', 'refused') AND (role_oid IS NULL OR role_oid = back.oid)
     RETURNING ${LEASE_COLUMNS}`,
    [of.serverName, of.logins.map(({ leaseId }) => leaseId), of.logins.map(({ oid }) => oid)],
  );
  await countAgain(tx, rows);
  return rows.map(({ id }) => id);
}
