/** What one look reads of a server. */
import { parseDocument } from '../../../domain/access/document/parse.ts';
import type { ObservedServer } from '../../../domain/access/observed.ts';
import { type DatabaseScope, documentScope } from '../../../domain/access/scope.ts';
import { type HistoryVerdict, judgeHistory } from '../../../domain/drift/history.ts';
import { observeCluster, observeDatabases } from '../../../platform/access/observe.ts';
import { type SessionFacts, sessionFacts } from '../../../platform/target/catalog/cluster.ts';
import {
  glanceAtDatabase,
  glanceAtServer,
  type ServerGlance,
  storedPasswords,
} from '../../../platform/target/catalog/fingerprint.ts';
import type { ConnectionLease, TargetServer } from '../../../platform/target/target-server.ts';
import { recentRequests } from '../../../store/drift/requests.ts';
import type { ControlDeps } from '../deps.ts';
import { type Comparison, compareServer } from './compare.ts';
import { type SeenLeases, seeLeases } from './leases.ts';
import { type DriftRecords, type RecentChanges, recentChanges } from './records.ts';

/** One connection reads what belongs to the server, the other one database after the other. */
export const CONNECTIONS = 2;

/** Everything that one look has read. */
export interface Sight {
  records: DriftRecords;
  facts: SessionFacts;
  glance: ServerGlance;
  fingerprints: Record<string, string>;
  history: HistoryVerdict;
  /** Nothing has changed since it was last read as a whole. */
  same: boolean;
  /** Of leases, which are compared at every look: their records change more often than anything else. */
  leases: SeenLeases;
  /** Undefined where nothing has changed. */
  inspected: Inspection | undefined;
}

export interface Inspection {
  observed: ObservedServer;
  recent: RecentChanges;
  comparison: Comparison;
  stored: ReadonlyMap<string, string | null> | undefined;
}

/** Takes a glance, and reads the server where something is new or somebody asked. */
export async function see(
  deps: ControlDeps,
  lease: ConnectionLease,
  { server, records, whole }: { server: TargetServer; records: DriftRecords; whole: boolean },
): Promise<Sight> {
  const { look, document } = records;
  const { client } = await lease.connect();
  const facts = await sessionFacts(client);
  const glance = await glanceAtServer(client, facts);
  const parsed = document === undefined ? undefined : parseDocument(document.document);
  const scopes = parsed?.ok ? documentScope(parsed.document) : [];
  const fingerprints = { '': glance.fingerprint, ...(await glanceAtDatabases(lease, scopes, glance)) };
  const history = judgeHistory(look?.history ?? null, glance.history, server.address.endpoints.length > 1);
  const same =
    look?.inspectedAt != null &&
    look.basis === records.basis &&
    history === 'same' &&
    JSON.stringify(sorted(look.fingerprints)) === JSON.stringify(sorted(fingerprints));
  const leases = await seeLeases(deps, client, server.name);
  const sight = { records, facts, glance, fingerprints, history, same, leases };
  if (same && !whole) return { ...sight, inspected: undefined };
  const cluster = await observeCluster(client, { serverName: server.name, facts });
  const observed = await observeDatabases(lease, { cluster, scopes, parallel: CONNECTIONS - 1 });
  const since = look?.inspectedAt ?? document?.recordedAt ?? records.begunAt;
  const requests = await recentRequests(deps.db, { serverName: server.name, since, also: look?.underWay ?? [] });
  const recent = recentChanges(requests, records.managed, records.begunAt);
  const comparison = compareServer(records, recent, observed);
  const names = comparison.present.map(({ name }) => name);
  const stored = facts.readsPasswords ? await storedPasswords(client, names) : undefined;
  return { ...sight, inspected: { observed, recent, comparison, stored } };
}

async function glanceAtDatabases(
  lease: ConnectionLease,
  scopes: readonly DatabaseScope[],
  { databases }: ServerGlance,
): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const { name } of scopes) {
    // The inspection says what that means.
    if (!databases.includes(name)) seen[name] = 'absent';
    else {
      const connection = await lease.connect({ database: name });
      seen[name] = await glanceAtDatabase(connection.client);
      await connection.release();
    }
  }
  return seen;
}

const sorted = (of: Record<string, string>): [string, string][] =>
  Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
