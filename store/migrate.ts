import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';

const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));
/** Advisory lock of the metadata database held while the schema changes. */
const MIGRATION_LOCK = 7_067_325_411;

/**
 * Brings the metadata database to the newest schema. Processes that start together take turns: node-pg-migrate's own
 * lock fails instead of waiting, so a blocking one is taken here.
 */
export async function migrateMetadata(pool: pg.Pool, log: (text: string) => void): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      noLock: true,
      log,
    });
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    broken = false;
  } finally {
    // After a failure the connection is closed, which gives the lock back; an unlock would only hide what went wrong.
    client.release(broken);
  }
}

/** Migrations that the database lacks, and such as it has and this version of the program does not. Changes nothing. */
export async function pendingMigrations(db: Pick<pg.Pool, 'query'>): Promise<{ missing: string[]; unknown: string[] }> {
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql'));
  const known = files
    .map((file) => file.replace(/\.sql$/, ''))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const { rows: tables } = await db.query<{ there: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS there`,
  );
  const applied =
    tables[0]?.there === true
      ? (await db.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY id')).rows.map(
          ({ name }) => name,
        )
      : [];
  return {
    missing: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}
