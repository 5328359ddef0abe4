import { v4 as uuidv4 } from 'uuid';
import type { Queryable } from './connection.ts';

/** The id of this installation; made on first use and never changed (R15). */
export async function ensureInstallationId(db: Queryable): Promise<string> {
  await db.query('INSERT INTO installation (id) VALUES ($1) ON CONFLICT (only_row) DO NOTHING', [uuidv4()]);
  const { rows } = await db.query<{ id: string }>('SELECT id FROM installation');
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the metadata database lost its installation row');
  return id;
}

/** Identity of the metadata server's own data, so that it cannot be registered as a target (R3). */
export async function metadataSystemIdentifier(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()');
  return rows[0]?.id ?? '';
}
