import type pg from 'pg';
import type { Change } from '../../../domain/access/changes.ts';
import type { AccessDocument, DesiredDatabase } from '../../../domain/access/document.ts';
import type { ObservedDatabase, ObservedServer } from '../../../domain/access/observed.ts';
import type { PlanStep } from '../../../domain/access/plan.ts';
import { databaseScope, mentionsSettings } from '../../../domain/access/scope.ts';
import { databaseItself, touchedBy, touchedObjects, touchedPart } from '../../../domain/access/verification.ts';
import { observeCluster, observeDatabase, observeTouched, withDatabases } from '../../../platform/access/observe.ts';
import { planOrThrow } from './plan-or-throw.ts';
import type { Surroundings } from './surroundings.ts';

/** A database that a transaction changes. */
interface Home {
  name: string;
  changes: readonly Change[];
}

/** The only database of the plan, or none, with everything that belongs to the server. */
export async function leftOfAll(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: Home | undefined; cluster: Promise<ObservedServer> },
): Promise<readonly PlanStep[]> {
  const { home, cluster } = transaction;
  const { document } = around;
  const looking = home === undefined ? undefined : lookAgain(client, around, { home, cluster });
  const [server, seen] = await Promise.all([cluster, looking]);
  const others = document.databases.filter(({ name }) => name !== home?.name).map(databaseItself);
  const databases = seen === undefined ? others : [...others, seen.desired];
  const observed = withDatabases(withoutContents(server, others), seen === undefined ? [] : [seen.observed]);
  return stepsLeft(around, { ...document, databases }, observed);
}

/** Everything but what is in databases. */
export function leftOfServer(around: Surroundings, cluster: ObservedServer): readonly PlanStep[] {
  const databases = around.document.databases.map(databaseItself);
  return stepsLeft(around, { ...around.document, databases }, withoutContents(cluster, databases));
}

/** One database with its own rights; the server was verified before. */
export async function leftOfDatabase(
  client: pg.ClientBase,
  around: Surroundings,
  transaction: { home: Home; cluster: ObservedServer },
): Promise<readonly PlanStep[]> {
  const { desired, observed } = await lookAgain(client, around, transaction);
  const document = { ...around.document, roles: [], memberships: [], settings: [], databases: [desired] };
  return stepsLeft(around, document, withDatabases(transaction.cluster, [observed]));
}

/** What is asked of a database and what is there, as far as a transaction can have changed it; all of it where that is open. */
async function lookAgain(
  client: pg.ClientBase,
  around: Surroundings,
  { home, cluster }: { home: Home; cluster: ObservedServer | Promise<ObservedServer> },
): Promise<{ desired: DesiredDatabase; observed: ObservedDatabase }> {
  const desired = around.document.databases.find(({ name }) => name === home.name);
  if (desired === undefined) throw new Error(`the document does not mention database ${home.name}`);
  const touched = touchedBy(home.changes);
  const before = around.observed.databases.get(home.name)?.contents;
  if (touched !== undefined && before !== undefined) {
    const objects = touchedObjects(before, touched);
    const observed = await observeTouched(client, { cluster, database: home.name, objects });
    if (observed !== undefined) return { desired: touchedPart(desired, touched), observed };
  }
  return { desired, observed: await observeDatabase(client, { cluster, scope: databaseScope(desired) }) };
}

/** The server as the transaction of a connection sees it. */
export function clusterNow(client: pg.ClientBase, around: Surroundings): Promise<ObservedServer> {
  const { serverName, facts, document } = around;
  return observeCluster(client, { serverName, facts, parameters: mentionsSettings(document) });
}

/** Databases of which only their own rights are compared: as empty ones. */
function withoutContents(cluster: ObservedServer, databases: readonly DesiredDatabase[]): ObservedServer {
  const empty = databases.flatMap(({ name }) => {
    const database = cluster.databases.get(name);
    return database === undefined ? [] : [{ ...database, contents: { objects: [], defaults: [] } }];
  });
  return withDatabases(cluster, empty);
}

function stepsLeft(around: Surroundings, document: AccessDocument, observed: ObservedServer): readonly PlanStep[] {
  return planOrThrow({ ...around, document, observed, changedPasswords: new Set() }).plan.steps;
}
