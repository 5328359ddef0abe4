import type { z } from '@hono/zod-openapi';
import type { RegistryEntry } from '../../store/registry.ts';
import type { entrySchema } from '../schemas/registry.ts';

type Entry = z.infer<typeof entrySchema>;

/** An entry as the published API shows it. */
export function renderEntry(entry: RegistryEntry): Entry {
  const { id, env, dbName, hostname, port, active, notes, createdAt } = entry;
  return { id, env, db_name: dbName, hostname, port, active: active ? 1 : 0, notes, created_at: sqliteTime(createdAt) };
}

/** The same with the registered server that it is on. */
export function renderEntryWithServer(entry: RegistryEntry): Entry {
  return { ...renderEntry(entry), server: entry.serverName };
}

/** As SQLite's `datetime('now')` writes it, in UTC. */
function sqliteTime(time: Date): string {
  return time.toISOString().slice(0, '2026-03-01T09:30:00'.length).replace('T', ' ');
}
