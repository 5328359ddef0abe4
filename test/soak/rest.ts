import { setTimeout as delay } from 'node:timers/promises';
import type { Installation } from './installation.ts';

/** What is still going on, each thing as a line; empty when everything is at rest. */
export type Unrest = string[];

/** Runs that schedules start again and again, with nobody behind them. */
const RECURRING = [
  ...['reconcile', 'monitorHosts', 'watchPrimaries', 'watchDrift', 'collectNotifications', 'sealAudit'],
  'applyRetention',
];
/** Longest time that the end of the last outage, a grace, a lease and a few retries take together. */
const REST_BOUND_MS = 240_000;
const POLL_MS = 1_000;

const IN_METADATA: Record<string, string> = {
  'open task': `SELECT format('%s of %s, %s since %s: %s', type, entity_id, status, created_at, id) AS what FROM tasks
    WHERE status IN ('pending', 'running', 'canceling')`,
  'batch under way': `SELECT format('%s since %s', workflow_id, created_at) AS what FROM batches WHERE state = 'running'`,
  'lease that has not ended': `SELECT format('%s: %s, ends at %s, %s', id, state, ends_at, last_error) AS what FROM leases
    WHERE state NOT IN ('ended', 'refused')`,
  'removal that waits for its host': `SELECT format('%s on %s', instance_id, host_id) AS what FROM tombstones`,
  'row of the audit log that is not sealed': `SELECT count(*)::text AS what FROM audit_unsealed HAVING count(*) > 0`,
  'database in motion': `SELECT format('%s: %s', id, state) AS what FROM databases WHERE state NOT IN ('available', 'failed')`,
  'schedule that Temporal has not been given': `SELECT id::text AS what FROM rotations
    WHERE deleted_at IS NULL AND revision <> applied_revision`,
  'session with an open transaction': `SELECT left(query, 100) AS what FROM pg_stat_activity
    WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '5 seconds'`,
};
const ON_TARGET: Record<string, string> = {
  'session of a task': `SELECT format('%s, %s: %s', application_name, state, left(query, 100)) AS what FROM pg_stat_activity
    WHERE application_name LIKE 'pgsteward:%'`,
  'advisory lock': `SELECT format('%s %s held by %s', classid, objid, a.application_name) AS what
    FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory'`,
  'prepared transaction': 'SELECT gid AS what FROM pg_prepared_xacts',
  'session with an open transaction': `SELECT format('%s: %s', application_name, left(query, 100)) AS what
    FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '5 seconds'`,
};

/** Waits until nothing is under way any more. @returns what still was when the bound was over */
export async function comeToRest(
  installation: Installation,
  options: { signal: AbortSignal; say: (text: string) => void },
): Promise<Unrest> {
  const startedAt = Date.now();
  let quietLooks = 0;
  for (;;) {
    const unrest = await look(installation);
    // Twice, because what is between two steps shows in neither place.
    quietLooks = unrest.length === 0 ? quietLooks + 1 : 0;
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    if (quietLooks === 2) {
      options.say(`at rest after ${seconds} s`);
      return [];
    }
    if (Date.now() - startedAt > REST_BOUND_MS) return unrest;
    await delay(POLL_MS, undefined, { signal: options.signal });
  }
}

async function look(installation: Installation): Promise<Unrest> {
  const [metadata, target, runs] = await Promise.all([
    found(installation.metadata, IN_METADATA),
    found(installation.target, ON_TARGET),
    openRuns(installation),
  ]);
  return [...metadata, ...target, ...runs];
}

async function found({ query }: Pick<Installation['metadata'], 'query'>, of: Record<string, string>): Promise<Unrest> {
  const kinds: Unrest[] = [];
  for (const [kind, sql] of Object.entries(of)) {
    kinds.push((await query<{ what: string }>(sql)).map(({ what }) => `${kind}: ${what}`));
  }
  return kinds.flat();
}

async function openRuns({ temporal }: Installation): Promise<Unrest> {
  const open: Unrest = [];
  for await (const { workflowId, type, startTime } of temporal.client.workflow.list({
    query: 'ExecutionStatus = "Running"',
  })) {
    if (!RECURRING.includes(type)) open.push(`open run: ${workflowId} (${type}) since ${startTime.toISOString()}`);
  }
  return open;
}
