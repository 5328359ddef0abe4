import { setTimeout as delay } from 'node:timers/promises';
import type { Check, Checked } from './check.ts';

/** Outages, graces and the work of others take their part; fewer than this means that runs were lost. */
const LEAST_PART = 0.2;
const ALARM_BOUND_MS = 90_000;
const POLL_MS = 1_000;

/** Every rotation has run, and none is overdue, lost or failing: asked before they are paused. */
export const checkSchedules: Check = async ({ journal, client }) => {
  const complaints = await Promise.all(
    [...journal.rotations].map(async ([role, { id }]) => {
      const deadline = Date.now() + ALARM_BOUND_MS;
      for (;;) {
        const { body } = await client.call('GET', `/v1/rotations/${id}`);
        const hasRun = body.runs.some(({ status }: { status: string }) => status === 'completed');
        if (body.alarm === undefined && hasRun) return [];
        if (Date.now() > deadline) return [`the rotation of ${role} has run: ${hasRun}; alarm: ${body.alarm}`];
        await delay(POLL_MS);
      }
    }),
  );
  return complaints.flat();
};

/** They ran, about as often as they were due, and metadata, API and server agree on the password. */
export const checkRotations: Check = async ({ installation, journal, minutes }) => {
  const counts = await completedRuns(installation);
  return [...journal.rotations].flatMap(([role, { id, everySeconds }]) => {
    const completed = counts.get(id) ?? 0;
    const least = Math.max(1, Math.floor(((minutes * 60) / everySeconds) * LEAST_PART));
    return completed >= least
      ? []
      : [`the rotation of ${role} ran ${completed} times, and ought to have ${least} times`];
  });
};

/** Completed runs of each rotation, by its id. */
export async function completedRuns({ metadata }: Checked['installation']): Promise<Map<string, number>> {
  const rows = await metadata.query<{ id: string; count: number }>(
    `SELECT r.rotation_id AS id, count(*)::int AS count FROM rotation_runs r JOIN tasks t ON t.id = r.task_id
     WHERE t.status = 'completed' GROUP BY 1`,
  );
  return new Map(rows.map(({ id, count }) => [id, count]));
}
