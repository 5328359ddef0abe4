import { type AuditRow, insertAuditRows } from '../../../store/audit.ts';
import { inTransaction } from '../../../store/connection.ts';
import { findEntries, insertEntries, type RegistryChange, type RegistryEntry } from '../../../store/registry.ts';
import { holdServers } from '../../../store/servers.ts';
import { askedBy } from '../../audit-intent.ts';
import type { Caller } from '../../caller.ts';
import type { ApiDeps } from '../../deps.ts';
import type { ImportedEntry } from '../../schemas/registry-import.ts';
import { auditable, resourceOf } from '../changes.ts';
import { addressKey, type ServerResult } from './find-servers.ts';
import { type EntryResult, failedEntry, type JudgedEntry } from './judge-entries.ts';

/** An entry with the server that it is to be on, or why there is none. */
type Placed = { entry: ImportedEntry; change: RegistryChange & { createdAt?: Date } } | { failed: EntryResult };

const keyOf = ({ env, dbName }: Pick<RegistryEntry, 'env' | 'dbName'>): string => JSON.stringify([env, dbName]);

/** Registers the entries whose server is known, all in one transaction. @returns what became of each, in their order */
export async function saveEntries(
  deps: Pick<ApiDeps, 'db'>,
  caller: Caller,
  input: { judged: readonly JudgedEntry[]; servers: ReadonlyMap<string, ServerResult> },
): Promise<EntryResult[]> {
  return inTransaction(deps.db, async (tx) => {
    const named = input.judged.flatMap((one) =>
      'entry' in one && one.entry.server !== undefined ? [one.entry.server] : [],
    );
    const found = [...input.servers.values()].flatMap(({ server }) => server ?? []);
    const held = await holdServers(tx, [...new Set([...named, ...found])]);
    const placed = input.judged.map((one) => ('entry' in one ? place(one.entry, input.servers, held) : one));
    const changes = placed.flatMap((one) => ('change' in one ? [one.change] : []));
    // In one order, so that two imports at once wait for each other instead of blocking each other.
    const ordered = changes.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const created = await insertEntries(tx, ordered);
    await insertAuditRows(
      tx,
      created.map((entry) => creation(caller, entry)),
    );
    const createdKeys = new Set(created.map(keyOf));
    const known = new Map((await findEntries(tx, changes)).map((entry) => [keyOf(entry), entry]));
    return placed.map((one) => {
      if ('failed' in one) return one.failed;
      const entry = known.get(keyOf(one.change));
      if (entry === undefined) return failedEntry(one.entry, 'was removed by another request meanwhile');
      return resultOf(one, entry, createdKeys.has(keyOf(entry)));
    });
  });
}

function place(entry: ImportedEntry, servers: ReadonlyMap<string, ServerResult>, held: ReadonlySet<string>): Placed {
  const { env, db_name: dbName, hostname, port, active, notes, server: named, created_at: createdAt } = entry;
  const at = servers.get(addressKey(entry));
  const serverName = named ?? at?.server;
  if (serverName === undefined) {
    return { failed: failedEntry(entry, at?.reason ?? 'its server is not registered') };
  }
  if (!held.has(serverName))
    return { failed: failedEntry(entry, `no server is registered with the name "${serverName}"`) };
  const change = { env, dbName, hostname, port, active, notes, serverName };
  return { entry, change: { ...change, ...(createdAt === undefined ? {} : { createdAt }) } };
}

/** What an import and an entry that was there before are compared by. */
const COMPARED = ['hostname', 'port', 'active', 'notes', 'serverName'] as const;

function resultOf({ change }: { change: RegistryChange }, entry: RegistryEntry, isNew: boolean): EntryResult {
  const { id, env, dbName, hostname, port, serverName } = entry;
  const about = { env, db_name: dbName, hostname, port, id, server: serverName };
  if (isNew) return { ...about, result: 'created' };
  const different = COMPARED.filter((member) => entry[member] !== change[member]);
  if (different.length === 0) return { ...about, result: 'unchanged' };
  const members = different.map((member) => (member === 'serverName' ? 'server' : member)).join(', ');
  return { ...about, result: 'kept', reason: `is registered with another ${members}; change it with PATCH` };
}

function creation(caller: Caller, entry: RegistryEntry): AuditRow {
  return {
    kind: 'outcome',
    ...askedBy(caller),
    action: 'registry.create',
    resource: resourceOf(entry),
    outcome: 'completed',
    detail: { after: auditable(entry) },
  };
}
