import { type Problem, quoted } from '../../spec/problems.ts';
import type { GrantPrivileges, RevokePrivileges } from '../changes.ts';
import type { DesiredDatabase } from '../document.ts';
import { addToGroup } from '../groups.ts';
import { type ObservedDatabase, type ObservedObject, type ObservedServer, PUBLIC } from '../observed.ts';
import { maskOf } from '../privileges.ts';
import { granteeLabel } from '../refs.ts';
import type { HasPrivilegesOf } from './acl-list.ts';
import { compareObjects, databaseObject, indexOfContents, refOf } from './contents-index.ts';
import { describeGrantees, describeObjects, describePrivileges } from './describe.ts';
import { desiredRights, type ObjectWishes } from './desired-rights.ts';
import { type DiffContext, type Findings, knownGrantees, knownRoles, noFindings } from './findings.ts';
import type { ObjectPlan } from './object-task.ts';
import { planObject, planSchema } from './plan-object.ts';
import { privilegeReach } from './role-reach.ts';
import { isSystemSchema, unreadContents } from './select-objects.ts';

/**
 * From here on a list is worth a note: a row with all its grantees must fit into one page, which ends between 2,000 and 2,500
 * entries ("row is too big").
 */
const LONG_LIST = 1_200;

/**
 * Privileges on databases and objects that differ from what is asked for; the owners are those that are observed. What is
 * missing is granted by the owner; what `revokes` name, and what grantees with exact privileges have besides, is revoked per
 * grantor. Revokes come before grants.
 */
export function diffPrivileges(context: DiffContext): Findings {
  const findings = noFindings();
  const isKnown = knownRoles(context);
  const server = context.observed;
  for (const desired of context.document.databases) {
    const database = server.databases.get(desired.name);
    if (database === undefined) {
      const message = `there is no database ${quoted(desired.name)} on server ${server.name}`;
      findings.problems.push({ path: `${desired.at}.name`, message });
    } else diffDatabase({ desired, database, server, isKnown, findings });
  }
  return findings;
}

interface DatabaseTask {
  desired: DesiredDatabase;
  database: ObservedDatabase;
  server: ObservedServer;
  isKnown: (role: string) => boolean;
  findings: Findings;
}

function diffDatabase(task: DatabaseTask): void {
  const { desired, database, server, findings } = task;
  const wishes = desiredRights({ ...task, versionNum: server.versionNum });
  const exact = new Set(exactGrantees(task, findings.problems));
  const hasPrivilegesOf = privilegeReach(server, database.owner);
  const canRevokeAs = revokers(server, database, hasPrivilegesOf);
  const plans: PlannedObject[] = [];
  for (const [object, wish] of concernedObjects(database, wishes, exact)) {
    const plan = (object.kind === 'schema' ? planSchema : planObject)({
      database: database.name,
      object,
      ref: refOf(object),
      granted: wish.granted,
      revoked: wish.revoked,
      exact: exactOn(object, exact),
      hasPrivilegesOf,
      canRevokeAs: (role) => canRevokeAs(role, object.schema),
    });
    plans.push({ object, at: wish.revokedAt ?? `${desired.at}.exact_grantees`, plan });
  }
  findings.changes.push(...inOrder(plans));
  report(plans, findings);
}

interface PlannedObject {
  object: ObservedObject;
  /** Path of what asks for revokes. */
  at: string;
  plan: ObjectPlan;
}

/** Path and knowledge of the grantees whose privileges are exact; none where the contents are unknown. */
function exactGrantees({ desired, database, isKnown }: DatabaseTask, problems: Problem[]): string[] {
  if (desired.exactGrantees.length === 0) return [];
  const path = `${desired.at}.exact_grantees`;
  const grantees = knownGrantees(desired.exactGrantees, path, isKnown, problems);
  if (database.contents !== undefined) return grantees;
  problems.push({ path, message: unreadContents(database.name) });
  return [];
}

const NO_WISHES: ObjectWishes = { granted: new Map(), revoked: new Map(), revokedAt: undefined };

/** Objects that the document mentions, then all others on which a grantee with exact privileges has any. */
function concernedObjects(
  database: ObservedDatabase,
  wishes: ReadonlyMap<ObservedObject, ObjectWishes>,
  exact: ReadonlySet<string>,
): [ObservedObject, ObjectWishes][] {
  const concerned: [ObservedObject, ObjectWishes][] = [...wishes];
  if (exact.size === 0) return concerned;
  const others = [databaseObject(database), ...(database.contents?.objects ?? [])].filter(
    (object) => !wishes.has(object) && hasEntryOf(object, exactOn(object, exact)),
  );
  others.sort(compareObjects);
  return [...concerned, ...others.map((object): [ObservedObject, ObjectWishes] => [object, NO_WISHES])];
}

/** What PUBLIC has in the server's own schemas belongs to the server, however exact the rest is. */
function exactOn({ kind, schema, name }: ObservedObject, exact: ReadonlySet<string>): ReadonlySet<string> {
  if (!exact.has(PUBLIC) || !isSystemSchema(schema ?? (kind === 'schema' ? name : ''))) return exact;
  return new Set([...exact].filter((grantee) => grantee !== PUBLIC));
}

function hasEntryOf({ acl, columns, owner }: ObservedObject, grantees: ReadonlySet<string>): boolean {
  const isOne = ({ grantee }: { grantee: string }) => grantees.has(grantee) && grantee !== owner;
  if (acl.some(isOne)) return true;
  for (const list of columns?.values() ?? []) if (list.some(isOne)) return true;
  return false;
}

const USAGE = maskOf(['USAGE']);

/**
 * Whether REVOKE works as a role on what lies in a schema: not for a superuser, for whom it would be the owner's REVOKE
 * (`select_best_grantor`), and not without USAGE on the schema.
 */
function revokers(
  server: ObservedServer,
  { contents }: ObservedDatabase,
  hasPrivilegesOf: HasPrivilegesOf,
): (role: string, schema: string | null) => boolean {
  return (role, schema) => {
    const observed = server.roles.get(role);
    if (observed === undefined || observed.attributes.superuser) return false;
    const [place] =
      schema === null || contents === undefined ? [] : indexOfContents(contents).named('schema', null, schema);
    // Rights of the server's own schemas are known only where they were changed.
    if (place === undefined) return true;
    return place.acl.some(
      ({ grantee, privileges }) => (privileges & USAGE) !== 0 && (grantee === PUBLIC || hasPrivilegesOf(role, grantee)),
    );
  };
}

/**
 * Owners and grantors must reach what lies in a schema: what a schema gives comes before all else, and what it takes after.
 */
function inOrder(plans: readonly PlannedObject[]): (GrantPrivileges | RevokePrivileges)[] {
  const schemas = plans.filter(({ object }) => object.kind === 'schema');
  const others = plans.filter(({ object }) => object.kind !== 'schema');
  return [
    ...schemas.flatMap(({ plan }) => plan.first),
    ...others.flatMap(({ plan }) => plan.revokes),
    ...others.flatMap(({ plan }) => plan.grants),
    ...schemas.flatMap(({ plan }) => plan.revokes),
    ...schemas.flatMap(({ plan }) => plan.grants),
  ];
}

function report(plans: readonly PlannedObject[], { problems, notes }: Findings): void {
  const keptByPublic = new Map<string, ObservedObject[]>();
  const restored = new Map<string, ObservedObject[]>();
  for (const { object, at, plan } of plans) {
    for (const { grantee, privileges } of plan.keptByPublic) {
      const text = `PUBLIC still has ${describePrivileges(privileges)}, and so has ${granteeLabel(grantee)}`;
      addToGroup(keptByPublic, text, object);
    }
    if (plan.restored.length > 0) {
      const grantees = describeGrantees(plan.restored.toSorted());
      addToGroup(
        restored,
        `${grantees} had it from somebody whose grant option ends, and keep it from the owner`,
        object,
      );
    }
    for (const { grantee, grantor, privileges, grantable } of plan.unreachable) {
      const what = describePrivileges(privileges | grantable);
      const from = `${what} of ${granteeLabel(grantee)} on ${describeObjects([object])} cannot be revoked`;
      problems.push({
        path: at,
        message: `${from}: it was granted by ${grantor}, which is a superuser or cannot revoke it`,
      });
    }
    if (plan.entries > LONG_LIST && plan.first.length + plan.grants.length > 0) {
      const message = `${describeObjects([object])} will have ${plan.entries} entries in its access control list`;
      notes.push(`${message}: the server cannot store many more than 2,000. Grant to a group instead`);
    }
  }
  for (const [text, objects] of [...keptByPublic, ...restored]) notes.push(`${describeObjects(objects)}: ${text}`);
}
