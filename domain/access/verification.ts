import { type Catalog, catalogOf } from './catalogs.ts';
import type { Change } from './changes.ts';
import type { DesiredDatabase, DesiredGrant, Selector } from './document.ts';
import type { ObjectKind } from './objects.ts';
import type { DatabaseContents, ObservedObject } from './observed.ts';
import { parseRoutineName } from './privileges/routine-names.ts';

/**
 * Objects that GRANT and REVOKE named in one database: every object of these catalogs that has one of the names and lies in one of
 * the schemas, and the schemas. More than was named, and quickly read.
 */
export interface TouchedObjects {
  catalogs: readonly Catalog[];
  schemas: readonly string[];
  names: readonly string[];
}

/**
 * What a transaction can have changed in a database; undefined where that is hard to tell, so that everything is looked at again:
 * a new owner takes sequences and grants along, and default privileges of one schema depend on those of all. GRANT and REVOKE
 * change the lists of the objects that they name and of their columns, whatever goes along (ExecGrant_* in
 * src/backend/catalog/aclchk.c).
 * @param changes of one database
 */
export function touchedBy(changes: readonly Change[]): TouchedObjects | undefined {
  const catalogs = new Set<Catalog>();
  const schemas = new Set<string>();
  const names = new Set<string>();
  for (const change of changes) {
    if (change.type !== 'grant' && change.type !== 'revoke') return undefined;
    const { kind, schema, name } = change.object;
    const catalog = catalogOf(kind);
    if (catalog !== undefined) catalogs.add(catalog);
    if (kind === 'schema') schemas.add(name);
    else names.add(name);
    if (schema !== null) schemas.add(schema);
  }
  return { catalogs: [...catalogs], schemas: [...schemas], names: [...names] };
}

/** Those of a database's objects that were touched, and the schemas, as they were when they were read. */
export function touchedObjects({ objects }: DatabaseContents, touched: TouchedObjects): ObservedObject[] {
  const isTouched = touchedNames(touched);
  const schemas = new Set(touched.schemas);
  const liesThere = (schema: string | null) => schema === null || schemas.has(schema);
  return objects.filter(({ kind, schema, name }) => liesThere(schema) && isTouched(kind, name));
}

/** What a document asks of the objects that were touched, and of the database itself: to be compared with nothing else read. */
export function touchedPart(desired: DesiredDatabase, touched: TouchedObjects): DesiredDatabase {
  const isTouched = touchedNames(touched);
  const partOf = (grant: DesiredGrant): DesiredGrant[] => {
    const { kind, schema, names } = grant.on;
    if (schema !== null && !touched.schemas.includes(schema)) return [];
    const left = names === 'all' ? names : names.filter((name) => isTouched(kind, bareName(kind, name)));
    if (kind !== 'database' && left.length === 0) return [];
    return [{ ...grant, on: { ...grant.on, names: left }, laterBy: [] }];
  };
  return {
    ...withoutOwner(desired),
    grants: desired.grants.flatMap(partOf),
    revokes: desired.revokes.flatMap(partOf),
    defaultPrivileges: [],
  };
}

function touchedNames(touched: TouchedObjects): (kind: ObjectKind, name: string) => boolean {
  const catalogs: ReadonlySet<Catalog | undefined> = new Set(touched.catalogs);
  const schemas = new Set(touched.schemas);
  const names = new Set(touched.names);
  return (kind, name) => {
    if (kind === 'schema') return schemas.has(name);
    return catalogs.has(catalogOf(kind)) && names.has(name);
  };
}

/** Routines are named with their argument types in documents. */
function bareName(kind: ObjectKind, name: string): string {
  return kind === 'routine' ? parseRoutineName(name).name : name;
}

/** What a document asks of a database itself, whatever is in it. */
export function databaseItself(desired: DesiredDatabase): DesiredDatabase {
  const ofDatabase = ({ on }: { on: Selector }) => on.kind === 'database';
  const { grants, revokes } = desired;
  return {
    ...desired,
    grants: grants.filter(ofDatabase),
    revokes: revokes.filter(ofDatabase),
    defaultPrivileges: [],
    owners: [],
  };
}

function withoutOwner({ owner: _, ...desired }: DesiredDatabase): DesiredDatabase {
  return { ...desired, owners: [] };
}
