import { RELATION_KINDS } from '../objects.ts';
import {
  type AclEntry,
  type ObjectRef,
  type ObservedDatabase,
  type ObservedObject,
  type ObservedServer,
  PUBLIC,
} from '../observed.ts';
import { databaseObject, indexOfContents } from '../privileges/contents-index.ts';
import { maskOf, type PrivilegeMask } from '../privileges.ts';
import type { MembershipGraph } from './closure.ts';

const SELECT = maskOf(['SELECT']);
const WRITE = maskOf(['INSERT', 'UPDATE', 'DELETE']);
const MAINTAIN = maskOf(['MAINTAIN']);
export const USAGE = maskOf(['USAGE']);
export const CONNECT = maskOf(['CONNECT']);

type Family = 'relation' | 'sequence' | 'schema';

/**
 * What predefined roles give without any entry in a list (`pg_class_aclmask_ext` and `pg_namespace_aclmask_ext`,
 * src/backend/catalog/aclchk.c): the first two from 14 on, the last one from 17 on. A server without the role has no use of it.
 */
const PREDEFINED: readonly ({ role: string } & Partial<Record<Family, PrivilegeMask>>)[] = [
  { role: 'pg_read_all_data', relation: SELECT, sequence: SELECT, schema: USAGE },
  { role: 'pg_write_all_data', relation: WRITE, sequence: maskOf(['UPDATE']), schema: USAGE },
  { role: 'pg_maintain', relation: MAINTAIN },
];

export const PREDEFINED_ROLES: ReadonlySet<string> = new Set(PREDEFINED.map(({ role }) => role));

/** Below are the objects that bootstrap made (FirstUnpinnedObjectId; FirstBootstrapObjectId on 13). */
const FIRST_OID_AFTER_BOOTSTRAP = 12_000;

/** What only superusers do to system catalogs, whatever was granted (`pg_class_aclmask_ext`). */
const NEVER_ON_CATALOGS = maskOf(['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'USAGE']);

/** Rights that a grantee holds on an object. */
export interface Grant {
  grantee: string;
  /** Null: comes with a predefined role. */
  grantor: string | null;
  privileges: PrivilegeMask;
  grantable: PrivilegeMask;
}

/** A family of kinds that predefined roles speak of. */
function familyOf({ kind }: ObjectRef): Family | undefined {
  if (kind === 'sequence' || kind === 'schema') return kind;
  return RELATION_KINDS.has(kind) ? 'relation' : undefined;
}

/** Rights that predefined roles have on objects of this kind. */
export function predefinedGrants(server: Pick<ObservedServer, 'roles'>, object: ObjectRef): Grant[] {
  const family = familyOf(object);
  if (family === undefined) return [];
  return PREDEFINED.filter(({ role, [family]: mask }) => mask !== undefined && server.roles.has(role)).map(
    ({ role, [family]: privileges = 0 }) => ({ grantee: role, grantor: null, privileges, grantable: 0 }),
  );
}

/** What nobody but a superuser does to this object. */
export function superuserOnly(object: ObservedObject): PrivilegeMask {
  const isCatalog =
    object.schema === 'pg_catalog' &&
    object.kind === 'table' &&
    object.oid > 0 &&
    object.oid < FIRST_OID_AFTER_BOOTSTRAP;
  return isCatalog ? NEVER_ON_CATALOGS : 0;
}

/**
 * Every right on an object as a whole, or on one of its columns, that takes effect. The owner holds what its own entry says, and
 * may grant all of that on.
 */
export function grantsOn(
  server: Pick<ObservedServer, 'roles'>,
  object: ObservedObject,
  column?: string,
): readonly Grant[] {
  const acl: readonly AclEntry[] = column === undefined ? object.acl : (object.columns?.get(column) ?? []);
  const denied = superuserOnly(object);
  return [...acl, ...(column === undefined ? predefinedGrants(server, object) : [])]
    .map((entry) => ({
      ...entry,
      privileges: entry.privileges & ~denied,
      grantable: (entry.grantee === object.owner ? entry.privileges : entry.grantable) & ~denied,
    }))
    .filter(({ privileges }) => privileges !== 0);
}

/** What tells whose rights count on a server. */
export interface RightsContext {
  server: ObservedServer;
  graph: MembershipGraph;
}

/** Whether `role` has the rights of `grantee` without SET ROLE, superusers aside. PUBLIC has those of PUBLIC only. */
export function countsFor({ graph }: RightsContext, role: string, grantee: string, databaseOwner: string): boolean {
  return grantee === PUBLIC || graph.reach('inherit', role, databaseOwner).has(grantee);
}

/** Whether `role` has all of `mask` on an object, or by the list of one of its columns; as `has_table_privilege` tells. */
export function holds(
  context: RightsContext,
  of: { role: string; database: ObservedDatabase; object: ObservedObject; mask: PrivilegeMask; column?: string },
): boolean {
  const { role, database, object, mask, column } = of;
  if (context.graph.isSuperuser(role)) return true;
  let held = 0;
  for (const { grantee, privileges } of grantsOn(context.server, object, column)) {
    if ((privileges & mask & ~held) !== 0 && countsFor(context, role, grantee, database.owner)) held |= privileges;
  }
  return (held & mask) === mask;
}

/** The object of this name; a relation is found whatever its kind is said to be, because relations share their names. */
export function findObject(database: ObservedDatabase, ref: ObjectRef): ObservedObject | undefined {
  if (ref.kind === 'database') return ref.name === database.name ? databaseObject(database) : undefined;
  if (database.contents === undefined) return undefined;
  const index = indexOfContents(database.contents);
  for (const kind of RELATION_KINDS.has(ref.kind) ? RELATION_KINDS : [ref.kind]) {
    const found = index.named(kind, ref.schema, ref.name).find(({ args }) => args === ref.args);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether `role` may use the schema that an object lies in. One that was not read passes: system schemas are open to all. */
export function usesSchemaOf(
  context: RightsContext,
  role: string,
  database: ObservedDatabase,
  ref: ObjectRef,
): boolean {
  if (ref.schema === null) return true;
  const schema = findObject(database, { kind: 'schema', schema: null, name: ref.schema });
  if (schema === undefined) return true;
  return holds(context, { role, database, object: schema, mask: USAGE });
}
