import type { Queryable } from './connection.ts';

/** What a quota counts. */
type QuotaKind = 'holder' | 'server' | 'template';

/** Most live leases of one holder, server or template. */
export interface Quota {
  kind: QuotaKind;
  name: string;
  most: number;
}

/** A lease was refused because there are as many as there may be. */
export class QuotaUsedUp extends Error {
  readonly quota: Quota;

  constructor(quota: Quota) {
    super(`${quota.kind} ${quota.name} has ${quota.most} live leases`);
    this.quota = quota;
  }
}

/** What a lease counts for. */
interface Counted {
  holder: string;
  serverName: string;
  templateId: string | null;
}

/** Counts leases that have a login again, whatever the quotas say: they are there. */
export function countAgain(tx: Queryable, back: readonly Counted[]): Promise<void> {
  return recount(tx, back, 'c.live + excluded.live');
}

/** Gives back what leases counted for that are gone. */
export function uncount(tx: Queryable, gone: readonly Counted[]): Promise<void> {
  return recount(tx, gone, 'greatest(0, c.live - excluded.live)');
}

/** @param live the new count, of the one that is there (`c`) and the number of these leases (`excluded`) */
async function recount(tx: Queryable, leases: readonly Counted[], live: string): Promise<void> {
  if (leases.length === 0) return;
  const names = leases.flatMap(({ holder, serverName, templateId }) => [
    { kind: 'holder', name: holder },
    { kind: 'server', name: serverName },
    ...(templateId === null ? [] : [{ kind: 'template', name: templateId }]),
  ]);
  await tx.query(
    `INSERT INTO lease_counts AS c (kind, name, live)
     SELECT kind, name, count(*) FROM unnest($1::text[], $2::text[]) AS counted (kind, name) GROUP BY kind, name ORDER BY kind, name
     ON CONFLICT (kind, name) DO UPDATE SET live = ${live}`,
    [names.map(({ kind }) => kind), names.map(({ name }) => name)],
  );
}

/** Longest wait that is told to whoever meets a quota, in seconds. */
const MOST_SECONDS = 3_600;
const COUNTED_BY: Readonly<Record<QuotaKind, string>> = {
  holder: 'holder',
  server: 'server_name',
  template: 'template_id::text',
};

/** Seconds until the first of the leases ends that use up a quota, at least 1. */
export async function nextEndWithin(db: Queryable, quota: Quota): Promise<number> {
  const { rows } = await db.query<{ seconds: number | null }>(
    `SELECT extract(epoch FROM min(ends_at) - now())::float8 AS seconds FROM leases
     WHERE ${COUNTED_BY[quota.kind]} = $1 AND state IN ('issuing', 'active')`,
    [quota.name],
  );
  return Math.max(1, Math.min(MOST_SECONDS, Math.ceil(rows[0]?.seconds ?? 1)));
}
