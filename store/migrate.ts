import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { Failure } from '../domain/failures.ts';
import type { Queryable } from './connection.ts';

/** Directory of the migrations. */
export const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url));
/** Names of the migrations that were run. */
const MIGRATIONS_TABLE = 'schema_migrations';
/** Advisory lock of the metadata database held while the schema changes. */
const MIGRATION_LOCK = 7_067_325_411;

/**
 * Brings the metadata database to the newest schema. Processes that start together take turns: node-pg-migrate's own
 * lock fails instead of waiting, so a blocking one is taken here.
 * @throws Failure ConfigurationInvalid where a newer release has changed the schema already; nothing is changed then
 */
export async function migrateMetadata(pool: pg.Pool, log: (text: string) => void): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await refuseNewer(client);
    await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction: 'up',
      migrationsTable: MIGRATIONS_TABLE,
      noLock: true,
      log,
    });
    await raiseEpochs(client);
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    broken = false;
  } finally {
    // After a failure the connection is closed, which gives the lock back; an unlock would only hide what went wrong.
    client.release(broken);
  }
}

/** An older process would write what the newer ones do not expect, and read what it does not understand. */
async function refuseNewer(client: pg.PoolClient): Promise<void> {
  const { unknown: newer } = await pendingMigrations(client);
  if (newer.length === 0) return;
  throw new Failure(
    'ConfigurationInvalid',
    `the metadata database has the schema of a newer release (${newer.join(', ')}): start that release, or restore the copy that was made before the upgrade`,
  );
}

/**
 * Lifts the epochs above all that were ever given out, also by a database that was lost and of which this one is an older copy: hosts
 * remember the newest epoch of each instance, and take no orders of an older one. They rise by less than one a millisecond, so the time
 * in milliseconds is above them. Only under the lock: nobody else may set them meanwhile.
 */
async function raiseEpochs(client: pg.PoolClient): Promise<void> {
  await client.query(
    `SELECT setval('epochs', ms) FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms) AS clock
     WHERE ms > (SELECT last_value FROM epochs)`,
  );
}

/** Migrations that the database lacks, and such as it has and this version of the program does not. Changes nothing. */
export async function pendingMigrations(db: Queryable): Promise<{ missing: string[]; unknown: string[] }> {
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql'));
  const known = files
    .map((file) => file.replace(/\.sql$/, ''))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const { rows: tables } = await db.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    MIGRATIONS_TABLE,
  ]);
  const applied =
    tables[0]?.there === true
      ? (await db.query<{ name: string }>(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`)).rows.map(
          ({ name }) => name,
        )
      : [];
  return {
    missing: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}
