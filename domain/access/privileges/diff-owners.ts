import { quoted } from '../../spec/problems.ts';
import type { DesiredDatabase, Selector } from '../document.ts';
import { OBJECT_KINDS } from '../objects.ts';
import { type ObservedDatabase, type ObservedObject, PUBLIC } from '../observed.ts';
import { refLabel } from '../refs.ts';
import { refOf } from './contents-index.ts';
import { counted } from './describe.ts';
import { type DiffContext, type Findings, knownRoles, missingRole, noFindings } from './findings.ts';
import { selectObjects } from './select-objects.ts';

/**
 * Owners of databases and objects that differ from what is asked for. A sequence of a table's column cannot have another owner
 * than the table: one that is named is a problem, one that `all` covers is left to its table.
 */
export function diffOwners(context: DiffContext): Findings {
  const findings = noFindings();
  const isKnown = knownRoles(context);
  for (const desired of context.document.databases) {
    const database = context.observed.databases.get(desired.name);
    // That it is missing is reported with its privileges.
    if (database !== undefined) diffDatabaseOwners(desired, database, isKnown, findings);
  }
  return findings;
}

interface OwnerWish {
  owner: string;
  at: string;
  selector: Selector;
}

function diffDatabaseOwners(
  desired: DesiredDatabase,
  database: ObservedDatabase,
  isKnown: (role: string) => boolean,
  findings: Findings,
): void {
  const wishes = new Map<ObservedObject, OwnerWish>();
  for (const wish of ownerWishes(desired)) {
    if (wish.owner === PUBLIC || !isKnown(wish.owner)) {
      const message = wish.owner === PUBLIC ? 'PUBLIC is no role and cannot own anything' : missingRole(wish.owner);
      findings.problems.push({ path: `${wish.at}.owner`, message });
      continue;
    }
    const selection = { database, selector: wish.selector, at: `${wish.at}.on` };
    for (const object of selectObjects(selection, findings.problems)) {
      const other = wishes.get(object);
      if (other === undefined) wishes.set(object, wish);
      else if (other.owner !== wish.owner) {
        const message = `${refLabel(object)} cannot belong to both ${other.owner} (${other.at}) and ${wish.owner}`;
        findings.problems.push({ path: `${wish.at}.owner`, message });
      }
    }
  }
  leaveOutColumnSequences(database, wishes, findings);
  for (const [object, { owner }] of [...wishes].sort(bySchemaFirst)) {
    if (object.owner === owner) continue;
    if (object.kind === 'database') {
      findings.changes.push({ type: 'own_database', database: database.name, owner, from: object.owner });
    } else {
      const ref = refOf(object);
      findings.changes.push({ type: 'own_object', database: database.name, object: ref, owner, from: object.owner });
    }
  }
}

/** The database's own owner stands beside its objects' ones in the request. */
function ownerWishes({ owner, at, owners }: DesiredDatabase): OwnerWish[] {
  const objects = owners.map((entry) => ({ owner: entry.owner, at: entry.at, selector: entry.on }));
  if (owner === undefined) return objects;
  return [{ owner, at, selector: { kind: 'database', schema: null, names: [] } }, ...objects];
}

/** A database and its schemas come before what lies in them. */
function bySchemaFirst([a]: [ObservedObject, OwnerWish], [b]: [ObservedObject, OwnerWish]): number {
  return Number(OBJECT_KINDS[a.kind].inSchema) - Number(OBJECT_KINDS[b.kind].inSchema);
}

function leaveOutColumnSequences(
  database: ObservedDatabase,
  wishes: Map<ObservedObject, OwnerWish>,
  findings: Findings,
): void {
  const sequences = [...wishes].filter(([{ ownedBy }]) => ownedBy !== undefined);
  if (sequences.length === 0) return;
  const byOid = new Map(database.contents?.objects.map((object) => [object.oid, object]));
  const left = new Map<OwnerWish, number>();
  for (const [sequence, wish] of sequences) {
    wishes.delete(sequence);
    const table = byOid.get(sequence.ownedBy ?? 0);
    const owner = (table && wishes.get(table)?.owner) ?? table?.owner ?? sequence.owner;
    if (owner === wish.owner) continue;
    if (wish.selector.names === 'all') left.set(wish, (left.get(wish) ?? 0) + 1);
    else {
      const message = `${refLabel(sequence)} belongs to a column of ${table ? refLabel(table) : 'a table'}: change the owner of that`;
      findings.problems.push({ path: `${wish.at}.on`, message });
    }
  }
  for (const [wish, count] of left) {
    findings.notes.push(
      `${wish.at}: ${counted(count, 'sequence')} of database ${quoted(database.name)} follow the owner of the table that they belong to`,
    );
  }
}
