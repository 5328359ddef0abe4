import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Superuser } from './connection.ts';
import { BENCH_NAME } from './target.ts';

const PERIOD_MS = 2;

/** The most connections that anybody but the bench has open at the same time while something runs, as the server sees it. */
export async function mostConnections(superuser: Superuser, work: () => Promise<void>): Promise<number> {
  const client = new pg.Client({ ...superuser, database: 'postgres', application_name: BENCH_NAME });
  await client.connect();
  let most = 0;
  let running = true;
  const sampling = (async () => {
    while (running) {
      const { rows } = await client.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name IS DISTINCT FROM $1`,
        [BENCH_NAME],
      );
      most = Math.max(most, rows[0]?.open ?? 0);
      await delay(PERIOD_MS);
    }
  })();
  try {
    await work();
  } finally {
    running = false;
    await sampling;
    await client.end();
  }
  return most;
}
