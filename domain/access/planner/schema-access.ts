import { quoteIdentifier } from '../../sql/quote.ts';
import type { Change } from '../changes.ts';
import { createMembershipGraph } from '../effective/closure.ts';
import { type AclEntry, type ObservedObject, type ObservedServer, PUBLIC } from '../observed.ts';
import { simulatePrivileges } from '../privileges/simulate.ts';
import { maskOf, type PrivilegeMask } from '../privileges.ts';
import { isSuperuser, type Missing } from './authority.ts';

type ObjectChange = Extract<Change, { type: 'own_object' | 'grant' | 'revoke' }>;

const CREATE = maskOf(['CREATE']);
const USAGE = maskOf(['USAGE']);

/**
 * What is missing for changes of owners and privileges within one database, beside the privileges of owners and grantors: USAGE
 * on the schemas, without which nothing in them is found (LookupExplicitNamespace); CREATE on the schema for the new owner of
 * what lies in it, and CREATE on the database for the admin role to give a schema away (ATExecChangeOwner,
 * AlterObjectOwner_internal and AlterSchemaOwner_internal in src/backend/commands). Nothing for a superuser.
 * @param observed before the changes, but with the memberships and the databases' owners that they meet
 * @param lent roles whose privileges the admin role has by then
 */
export function missingInSchemas(
  changes: readonly Change[],
  observed: ObservedServer,
  lent: ReadonlySet<string>,
): { change: Change; missing: Missing }[] {
  const concerned = changes.filter(isObjectChange);
  if (observed.admin.superuser || concerned.length === 0) return [];
  const access: Access = {
    observed,
    actors: [observed.admin.name, ...lent],
    schemas: schemaFinder(simulatePrivileges(observed, concerned.filter(givesSchemaAway))),
  };
  const seen = new Set<string>();
  const found: { change: Change; missing: Missing }[] = [];
  for (const change of concerned) {
    const place = `${change.database}\0${change.object.schema ?? ''}`;
    const lookup = seen.has(place) ? undefined : usageMissing(change, access);
    seen.add(place);
    const missing = lookup ?? (change.type === 'own_object' ? ownershipMissing(change, access) : undefined);
    if (missing !== undefined) found.push({ change, missing });
  }
  return found;
}

interface Access {
  observed: ObservedServer;
  /** The admin role and those that it acts for. */
  actors: readonly string[];
  /** With the owners that they are to have. */
  schemas: SchemaFinder;
}

function isObjectChange(change: Change): change is ObjectChange {
  return change.type === 'own_object' || change.type === 'grant' || change.type === 'revoke';
}

function givesSchemaAway({ type, object }: ObjectChange): boolean {
  return type === 'own_object' && object.kind === 'schema';
}

function usageMissing(change: ObjectChange, { observed, actors, schemas }: Access): Missing | undefined {
  const { database, object } = change;
  const schema = object.schema === null ? undefined : schemas(database, object.schema);
  if (schema === undefined || actors.some((role) => holds(observed, role, database, schema, USAGE))) return undefined;
  const actor = change.type === 'own_object' ? change.from : change.grantor;
  return {
    message: `"${observed.admin.name}" acts for "${actor}", which may not use schema "${schema.name}" of database "${database}"`,
    remedy: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema.name)} TO ${quoteIdentifier(actor)}`,
  };
}

function ownershipMissing(
  { database, object, owner }: Extract<ObjectChange, { type: 'own_object' }>,
  { observed, actors, schemas }: Access,
): Missing | undefined {
  const { name: admin } = observed.admin;
  if (object.kind === 'foreign_data_wrapper') {
    return { message: 'only a superuser may change the owner of a foreign data wrapper' };
  }
  if (object.kind === 'schema') {
    const entered = observed.databases.get(database);
    if (entered === undefined || actors.some((role) => holds(observed, role, database, entered, CREATE))) {
      return undefined;
    }
    return {
      message: `"${admin}" may not create schemas in database "${database}", which it takes to change the owner of one`,
      remedy: `GRANT CREATE ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(admin)}`,
    };
  }
  const schema = object.schema === null ? undefined : schemas(database, object.schema);
  if (schema === undefined || holds(observed, owner, database, schema, CREATE)) return undefined;
  return {
    message: `the new owner "${owner}" may not create anything in schema "${schema.name}" of database "${database}"`,
    remedy: `GRANT CREATE ON SCHEMA ${quoteIdentifier(schema.name)} TO ${quoteIdentifier(owner)}`,
  };
}

/** Whether a role has a privilege on an object of a database: by itself, by inheritance or as everybody. */
function holds(
  observed: ObservedServer,
  role: string,
  database: string,
  { acl }: { acl: readonly AclEntry[] },
  privilege: PrivilegeMask,
): boolean {
  if (isSuperuser(observed, role)) return true;
  const reach = createMembershipGraph(observed).reach('inherit', role, observed.databases.get(database)?.owner);
  return acl.some(
    ({ grantee, privileges }) => (privileges & privilege) !== 0 && (grantee === PUBLIC || reach.has(grantee)),
  );
}

type SchemaFinder = (database: string, schema: string) => ObservedObject | undefined;

function schemaFinder(observed: ObservedServer): SchemaFinder {
  const found = new Map<string, ReadonlyMap<string, ObservedObject>>();
  return (database, schema) => {
    const known = found.get(database) ?? schemasOf(observed, database);
    found.set(database, known);
    return known.get(schema);
  };
}

function schemasOf(observed: ObservedServer, database: string): ReadonlyMap<string, ObservedObject> {
  const objects = observed.databases.get(database)?.contents?.objects ?? [];
  return new Map(objects.filter(({ kind }) => kind === 'schema').map((object) => [object.name, object]));
}
