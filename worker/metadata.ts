import { join } from 'node:path';
import type pg from 'pg';
import type { Config } from '../platform/config/config.ts';
import { readPrivateFile } from '../platform/files/private-file.ts';
import { createMetadataPool, type MetadataConnection } from '../store/connection.ts';
import { type Needed, untilUp } from './until-up.ts';

/** Connection of an existing metadata server: everything but the password stands in the URL. */
export async function existingMetadata(
  metadata: Extract<Config['metadata'], { kind: 'existing' }>,
): Promise<MetadataConnection> {
  const url = new URL(metadata.url);
  const mode = url.searchParams.get('sslmode') ?? 'prefer';
  const password = metadata.passwordFile === undefined ? '' : (await readPrivateFile(metadata.passwordFile)).trimEnd();
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    password,
    ...(mode === 'require' ? { ssl: { rejectUnauthorized: false } } : {}),
    ...(mode === 'verify-full' ? { ssl: { rejectUnauthorized: true } } : {}),
  };
}

/** Password file of the metadata server that `npm start` brings along. */
export const embeddedPasswordFile = (config: Config): string => join(config.home, 'postgres/metadata.password');

/** Connection of the metadata server that `npm start` brings along, for other processes while it runs. */
export async function embeddedMetadata(config: Config, port: number): Promise<MetadataConnection> {
  const password = (await readPrivateFile(embeddedPasswordFile(config))).trimEnd();
  return { host: '127.0.0.1', port, database: 'postgres', user: 'postgres', password };
}

/** For a command that looks at the metadata database or changes something in it, beside the processes: one connection, which ends with it. */
export async function onMetadata<T>(config: Config, work: (db: pg.Pool) => Promise<T>): Promise<T> {
  const { metadata } = config;
  const connection =
    metadata.kind === 'existing' ? await existingMetadata(metadata) : await embeddedMetadata(config, metadata.port);
  const db = createMetadataPool({ ...connection, maxConnections: 1 });
  try {
    return await work(db);
  } finally {
    await db.end();
  }
}

/** Codes of errors that mean: not yet. Those of the system, and of a server that starts or stops. */
const AWAY: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['57P01', '57P02', '57P03'],
]);

/** Waits until an existing metadata server takes connections, as after a reboot of all machines. */
export function awaitMetadata(connection: MetadataConnection, around: Omit<Needed, 'what'>): Promise<void> {
  const what = `the metadata database at ${connection.host}:${connection.port}`;
  return untilUp({ ...around, what }, async () => {
    const db = createMetadataPool({ ...connection, maxConnections: 1 });
    try {
      await db.query('SELECT 1');
      return undefined;
    } catch (error) {
      if (error instanceof Error && 'code' in error && AWAY.has(String(error.code))) return error.message;
      throw error;
    } finally {
      await db.end();
    }
  });
}
