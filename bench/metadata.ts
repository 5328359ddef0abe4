import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { Config } from '../platform/config/config.ts';

/** The metadata database of a bench's stack, for what the API would take too long to put there. */
export async function metadataOf(config: Config): Promise<pg.Client> {
  if (config.metadata.kind !== 'embedded') throw new Error('the bench needs an embedded metadata server');
  const password = (await readFile(join(config.home, 'postgres/metadata.password'), 'utf8')).trim();
  const { port } = config.metadata;
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  await client.connect();
  return client;
}
