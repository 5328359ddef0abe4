import type pg from 'pg';
import type { Config } from '../../platform/config/config.ts';
import { createMetadataPool, type MetadataConnection } from '../../store/connection.ts';
import { pendingMigrations } from '../../store/migrate.ts';
import { embeddedMetadata, existingMetadata } from '../metadata.ts';
import { type Finding, messageOf, ok, problem, warning } from './finding.ts';

/** The oldest release that the metadata database may be on. */
const OLDEST_MAJOR = 13;
/** Rows are ordered by the times of several machines, and tokens end by them. */
const CLOCK_WARNING_MS = 2_000;
const CLOCK_PROBLEM_MS = 30_000;

/** The metadata database, its schema and its clock; with a pool on it where it can be used. */
export async function checkMetadata(config: Config): Promise<{ findings: Finding[]; db?: pg.Pool }> {
  const subject = 'Metadata database';
  const { metadata } = config;
  const mend =
    metadata.kind === 'existing'
      ? 'start the server, or correct PGSTEWARD_METADATA_URL and PGSTEWARD_METADATA_PASSWORD_FILE'
      : 'start pgsteward with `npm start`, which brings it along, or set PGSTEWARD_METADATA_URL';
  let connection: MetadataConnection;
  try {
    connection =
      metadata.kind === 'existing' ? await existingMetadata(metadata) : await embeddedMetadata(config, metadata.port);
  } catch (error) {
    return { findings: [problem(subject, messageOf(error), mend)] };
  }
  const db = createMetadataPool({ ...connection, maxConnections: 4 });
  const where = `${connection.host}:${connection.port}/${connection.database}`;
  try {
    const { rows } = await db.query<{ version: string; major: number }>(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major`,
    );
    const { version = '', major = 0 } = rows[0] ?? {};
    const isOld = major < OLDEST_MAJOR;
    const server = isOld
      ? problem(subject, `${where} is PostgreSQL ${version}`, `move it to PostgreSQL ${OLDEST_MAJOR} or newer`)
      : ok(subject, `${where}, PostgreSQL ${version}`);
    return { findings: [server, await checkSchema(db), await checkClock(db)], db };
  } catch (error) {
    await db.end();
    return { findings: [problem(subject, `${where} does not answer: ${messageOf(error)}`, mend)] };
  }
}

async function checkSchema(db: pg.Pool): Promise<Finding> {
  const subject = 'Schema of the metadata database';
  const { missing, unknown } = await pendingMigrations(db);
  if (unknown.length > 0) {
    return problem(
      subject,
      `it has migrations that this version does not know: ${unknown.join(', ')}`,
      'run the newer version of pgsteward that made them',
    );
  }
  return missing.length === 0
    ? ok(subject, 'up to date')
    : warning(
        subject,
        `${missing.length} migrations are missing: ${missing.join(', ')}`,
        'start `api` or `worker` of this version: either applies them',
      );
}

async function checkClock(db: pg.Pool): Promise<Finding> {
  const before = Date.now();
  const { rows } = await db.query<{ ms: number }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms');
  const offsetMs = Math.round(Number(rows[0]?.ms) - (before + Date.now()) / 2);
  return clockFinding(offsetMs);
}

/** @param offsetMs how far the clock of the metadata server is ahead of ours */
export function clockFinding(offsetMs: number): Finding {
  const subject = 'Clock';
  const apart = Math.abs(offsetMs);
  const says = `the metadata server is ${apart} ms ${offsetMs < 0 ? 'behind' : 'ahead'}`;
  if (apart < CLOCK_WARNING_MS) return ok(subject, says);
  const mend = 'let both machines take their time from NTP: timedatectl set-ntp true';
  return apart < CLOCK_PROBLEM_MS ? warning(subject, says, mend) : problem(subject, says, mend);
}
