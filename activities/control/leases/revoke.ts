import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { Failure } from '../../../domain/failures.ts';
import { parseLeaseMarker } from '../../../domain/marker.ts';
import { lockOut } from '../../../domain/sql/drop-role.ts';
import { dropLogins, END_SESSIONS_SQL, handOver, LEASE_SUBJECTS_SQL } from '../../../domain/sql/leases.ts';
import { TRY_LOCKS_SQL } from '../../../domain/sql/locks.ts';
import { type SessionFacts, sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { isConnectionError, toFailure } from '../../../platform/target/errors.ts';
import type { LeaseRecord } from '../../../store/leases.ts';
import { asIssuer } from '../access/batch/leases/issuer.ts';
import { endRoleSessions } from '../role-sessions.ts';

/** How far the end of a lease has come on its server. */
export type Revoked =
  /** There is no such role any more. `oid` null: there never was one. */
  | { state: 'gone'; oid: number | null; already: boolean; sessionsEnded: number; memberships: string[] }
  /** Nobody can log in, no session is open; what the login owns or was given has to be taken apart first. */
  | { state: 'entangled'; role: string }
  | { state: 'stopped'; failure: Failure };

/** A login that is there. */
interface Subject {
  lease: LeaseRecord;
  name: string;
  oid: number;
  issuer: string | undefined;
  memberships: string[];
  entangled: boolean;
}

/** Locks that somebody else holds stall those that need them and nobody else for longer than this. */
const LOCK_TIMEOUT_MS = 250;
/** A terminated backend is gone within milliseconds, unless it is in the middle of a long fsync. */
const GONE_WITHIN_MS = 5_000;

/**
 * Ends leases on their server: nobody gets in any more, sessions end, roles go. Each of the steps is one message for all of them; where
 * that fails, one for each, so that what stops one stops no other. May be repeated at any point: what is gone is gone.
 */
export async function revokeTogether(
  client: pg.ClientBase,
  of: { installationId: string; leases: readonly LeaseRecord[] },
): Promise<Map<string, Revoked>> {
  const facts = await sessionFacts(client);
  const outcomes = new Map<string, Revoked>();
  const stop = (lease: LeaseRecord, failure: Failure) => outcomes.set(lease.id, { state: 'stopped', failure });
  const found = await findSubjects(client, of, facts);
  for (const lease of of.leases) {
    if (found.has(lease.id)) continue;
    outcomes.set(lease.id, { state: 'gone', oid: lease.roleOid, already: true, sessionsEnded: 0, memberships: [] });
  }
  const locked = await forEach(client, [...found.values()], stop, (some) =>
    some.flatMap(({ issuer, name }) => asIssuer(issuer, [lockOut(name)])),
  );
  const { quiet, ended } = await endSessions(client, locked, stop);
  for (const subject of quiet.filter(({ entangled }) => entangled)) {
    outcomes.set(subject.lease.id, { state: 'entangled', role: subject.name });
  }
  const free = quiet.filter(({ entangled }) => !entangled);
  const dropped = await forEach(client, free, stop, dropSql);
  await assertGone(client, dropped, stop);
  for (const { lease, oid, memberships } of dropped) {
    const stopped = outcomes.get(lease.id);
    if (stopped?.state === 'stopped') continue;
    const sessionsEnded = ended.get(oid) ?? 0;
    outcomes.set(lease.id, { state: 'gone', oid, already: false, sessionsEnded, memberships });
  }
  for (const { lease, name } of free) {
    const outcome = outcomes.get(lease.id);
    if (outcome?.state === 'stopped' && outcome.failure.details.sqlstate === DEPENDENT_OBJECTS_STILL_EXIST) {
      outcomes.set(lease.id, { state: 'entangled', role: name });
    }
  }
  return outcomes;
}

const DEPENDENT_OBJECTS_STILL_EXIST = '2BP01';
/** From 16 on roles that an issuer has made are changed as the issuer. */
const WITH_ISSUERS = 160_000;

/**
 * Logins that are there: by OID, or by the lease's mark in the comment where it is not on record as made. Whoever has the name
 * without either is a stranger.
 */
async function findSubjects(
  client: pg.ClientBase,
  of: { installationId: string; leases: readonly LeaseRecord[] },
  facts: SessionFacts,
): Promise<Map<string, Subject>> {
  const { rows } = await client.query<{
    name: string;
    oid: number | string;
    comment: string | null;
    memberships: string[];
    entangled: boolean;
  }>(LEASE_SUBJECTS_SQL, [
    of.leases.flatMap(({ roleOid }) => roleOid ?? []),
    of.leases.map(({ roleName }) => roleName),
  ]);
  const subjects = new Map<string, Subject>();
  const asIssuers = !facts.admin.superuser && facts.versionNum >= WITH_ISSUERS;
  for (const { oid: text, comment, ...row } of rows) {
    const oid = Number(text);
    const marker = parseLeaseMarker(comment);
    const marked = marker?.installationId === of.installationId ? marker : undefined;
    const lease = of.leases.find(
      ({ id, roleOid, roleName }) =>
        (roleOid === oid && (marked?.leaseId === id || row.name === roleName)) ||
        (roleOid === null && marked?.leaseId === id),
    );
    if (lease === undefined) continue;
    subjects.set(lease.id, { ...row, oid, lease, issuer: asIssuers ? marked?.issuer : undefined });
  }
  return subjects;
}

/**
 * Runs statements for all subjects in one transaction, or where that fails for each of them in its own.
 * @returns those whose statements were committed
 */
async function forEach(
  client: pg.ClientBase,
  subjects: readonly Subject[],
  stop: (lease: LeaseRecord, failure: Failure) => void,
  sql: (some: readonly Subject[]) => string[],
): Promise<Subject[]> {
  if (subjects.length === 0) return [];
  try {
    return await underLocks(client, subjects, stop, sql);
  } catch (error) {
    if (isConnectionError(error)) throw error;
  }
  const done: Subject[] = [];
  for (const subject of subjects) {
    try {
      done.push(...(await underLocks(client, [subject], stop, sql)));
    } catch (error) {
      if (isConnectionError(error)) throw error;
      stop(subject.lease, toFailure(error, `ending the lease of "${subject.name}"`));
    }
  }
  return done;
}

async function underLocks(
  client: pg.ClientBase,
  subjects: readonly Subject[],
  stop: (lease: LeaseRecord, failure: Failure) => void,
  sql: (some: readonly Subject[]) => string[],
): Promise<Subject[]> {
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const keys = subjects.map(({ name }) => `role:${name}`);
    const { rows } = await client.query<{ key: string }>(TRY_LOCKS_SQL, [keys, keys.map(() => false)]);
    const held = new Set(rows.map(({ key }) => key));
    const free = subjects.filter(({ name }) => !held.has(`role:${name}`));
    if (free.length > 0) await client.query(sql(free).join(';\n'));
    await client.query('COMMIT');
    for (const { lease, name } of subjects) {
      if (!held.has(`role:${name}`)) continue;
      stop(lease, new Failure('Contention', `another operation is at work on role "${name}"`));
    }
    return free;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Those of one issuer in one statement: it is all or nothing anyway. */
function dropSql(subjects: readonly Subject[]): string[] {
  const issuers = [...new Set(subjects.map(({ issuer }) => issuer))];
  return issuers.flatMap((issuer) => {
    const names = subjects.filter((subject) => subject.issuer === issuer).map(({ name }) => name);
    return asIssuer(issuer, [dropLogins(names)]);
  });
}

/** Ends every session of these roles, by OID: they go on after SET ROLE. @returns roles without any, and how many each had */
async function endSessions(
  client: pg.ClientBase,
  subjects: readonly Subject[],
  stop: (lease: LeaseRecord, failure: Failure) => void,
): Promise<{ quiet: Subject[]; ended: Map<number, number> }> {
  const seen = new Map<number, Set<number>>();
  const counts = () => new Map([...seen].map(([oid, pids]) => [oid, pids.size]));
  if (subjects.length === 0) return { quiet: [], ended: counts() };
  const until = Date.now() + GONE_WITHIN_MS;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    let open: { oid: number | string; pid: number }[];
    try {
      ({ rows: open } = await client.query<{ oid: string; pid: number }>(END_SESSIONS_SQL, [
        subjects.map(({ oid }) => oid),
      ]));
    } catch (error) {
      if (isConnectionError(error)) throw error;
      return { quiet: await endEach(client, subjects, stop), ended: counts() };
    }
    for (const { oid, pid } of open) {
      const pids = seen.get(Number(oid)) ?? new Set();
      seen.set(Number(oid), pids.add(pid));
    }
    const busy = new Set(open.map(({ oid }) => Number(oid)));
    if (busy.size === 0) return { quiet: [...subjects], ended: counts() };
    if (Date.now() > until) {
      for (const { oid, name, lease } of subjects) {
        if (busy.has(oid)) stop(lease, new Failure('Contention', `sessions of role "${name}" do not end`));
      }
      return { quiet: subjects.filter(({ oid }) => !busy.has(oid)), ended: counts() };
    }
    await delay(pauseMs);
  }
}

/** One role after the other, so that the one whose sessions may not be ended is known. */
async function endEach(
  client: pg.ClientBase,
  subjects: readonly Subject[],
  stop: (lease: LeaseRecord, failure: Failure) => void,
): Promise<Subject[]> {
  const quiet: Subject[] = [];
  for (const subject of subjects) {
    try {
      const { left } = await endRoleSessions(client, subject, GONE_WITHIN_MS);
      if (left === 0) quiet.push(subject);
      else stop(subject.lease, new Failure('Contention', `sessions of role "${subject.name}" do not end`));
    } catch (error) {
      if (isConnectionError(error)) throw error;
      stop(subject.lease, toFailure(error, `ending the sessions of role "${subject.name}"`));
    }
  }
  return quiet;
}

/** Names may have passed to somebody else in the very moment; and whoever had logged in just before the lock-out is here now. */
async function assertGone(
  client: pg.ClientBase,
  dropped: readonly Subject[],
  stop: (lease: LeaseRecord, failure: Failure) => void,
): Promise<void> {
  if (dropped.length === 0) return;
  const oids = dropped.map(({ oid }) => oid);
  const { rows } = await client.query<{ oid: number | string }>(
    'SELECT oid::int8 AS oid FROM pg_catalog.pg_roles WHERE oid = ANY ($1::oid[])',
    [oids],
  );
  const there = new Set(rows.map(({ oid }) => Number(oid)));
  await endSessions(client, dropped, stop);
  for (const { lease, oid, name } of dropped) {
    if (there.has(oid)) stop(lease, new Failure('Contention', `role "${name}" is still there`));
  }
}

/**
 * Lets the admin role act as a login, so that what it owns can be taken apart by the steps of a drop.
 * @param role its present name
 */
export async function prepareDrop(
  client: pg.ClientBase,
  of: { installationId: string; lease: LeaseRecord },
): Promise<void> {
  const facts = await sessionFacts(client);
  const subject = (await findSubjects(client, { installationId: of.installationId, leases: [of.lease] }, facts)).get(
    of.lease.id,
  );
  if (subject?.issuer === undefined) return;
  await client.query(
    ['BEGIN', ...asIssuer(subject.issuer, [handOver(subject.name, facts.admin.name)]), 'COMMIT'].join(';\n'),
  );
}
