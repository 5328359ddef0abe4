import { listed } from '../../spec/problems.ts';
import { COLUMN_PRIVILEGES, privilegesOf, RELATION_KINDS } from '../objects.ts';
import {
  type ObjectRef,
  type ObservedDatabase,
  type ObservedObject,
  type ObservedServer,
  PUBLIC,
} from '../observed.ts';
import { maskOf, type PrivilegeMask, type PrivilegeName } from '../privileges.ts';
import { granteeLabel, refLabel } from '../refs.ts';
import { createMembershipGraph } from './closure.ts';
import { entryOf } from './entry.ts';
import { countsFor, findObject, grantsOn, holds, type RightsContext, superuserOnly, usesSchemaOf } from './rights.ts';
import { briefly, inFull, setRolesOf, type Way, waysTo } from './ways.ts';
import { ability, columnList } from './words.ts';

/** A question: does `role` have `privilege` on `object` of `database`, and can it use it at `now`? */
export interface AccessQuestion {
  /** Role name, or `PUBLIC` of `observed.ts`. */
  role: string;
  database: string;
  /** `kind: 'database'` with the database's name asks for rights on the database itself. */
  object: ObjectRef;
  /** Only on this column; a right on the whole relation counts, too. */
  column?: string;
  privilege: PrivilegeName;
  now: Date;
}

/** One way, with whether it works in practice. */
export interface ExplainedWay extends Way {
  usable: boolean;
  sentence: string;
}

/** Answer to an {@link AccessQuestion}; sentences are without a full stop. */
export interface AccessExplanation {
  /** The role has the privilege without SET ROLE, as `has_table_privilege` and its like tell. */
  allowed: boolean;
  /** And it gets to the object: into the database and through the schema. */
  usable: boolean;
  /** Roles to which it can SET ROLE to use it, where it cannot do so as itself. */
  setRoles: string[];
  /** All ways, the plainest first; those of `via: 'set_role'` are not part of `allowed`. */
  ways: ExplainedWay[];
  /** There are more ways than these. */
  moreWays: boolean;
  /** Whether policies decide about rows; null where row security is not enabled or does not matter for the privilege. */
  rowSecurity: 'applies' | 'exempt' | null;
  obstacles: string[];
  /** What else is to be known. */
  notes: string[];
  sentence: string;
}

/** Privileges that row security policies restrict. */
const ROW_PRIVILEGES: ReadonlySet<PrivilegeName> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE']);

/** A question whose names were found. */
interface Found {
  context: RightsContext;
  question: AccessQuestion;
  database: ObservedDatabase;
  object: ObservedObject;
  mask: PrivilegeMask;
}

/**
 * Why a role has a privilege, or what it lacks: every way by which it comes to it, whether it can use it in practice, and what
 * stands in the way. What was not observed counts as not there.
 */
export function explainAccess(observed: ObservedServer, question: AccessQuestion): AccessExplanation {
  const found = find(observed, question);
  return 'problem' in found ? unanswerable(question, found.problem) : explain(found);
}

function find(server: ObservedServer, question: AccessQuestion): Found | { problem: string } {
  const { role, object: ref, column, privilege } = question;
  const database = server.databases.get(question.database);
  if (role !== PUBLIC && !server.roles.has(role)) return { problem: `there is no role ${role}` };
  if (database === undefined) return { problem: `there is no database ${question.database}` };
  const object = findObject(database, ref);
  if (object === undefined) return { problem: missingObject(database, ref) };
  if (!privilegesOf(object.kind, server.versionNum).includes(privilege)) {
    return { problem: `on this server a ${object.kind.replaceAll('_', ' ')} has no privilege ${privilege}` };
  }
  if (column !== undefined) {
    if (!RELATION_KINDS.has(object.kind) || !COLUMN_PRIVILEGES.includes(privilege)) {
      return { problem: `${privilege} is not a privilege of single columns` };
    }
    if (object.columnNames?.includes(column) === false)
      return { problem: `${refLabel(object)} has no column ${column}` };
  }
  const context = { server, graph: createMembershipGraph(server) };
  return { context, question, database, object, mask: maskOf([privilege]) };
}

function missingObject(database: ObservedDatabase, ref: ObjectRef): string {
  return database.contents === undefined && ref.kind !== 'database'
    ? `the contents of database ${database.name} were not read`
    : `there is no ${refLabel(ref)} in database ${database.name}`;
}

function unanswerable(question: AccessQuestion, problem: string): AccessExplanation {
  const { role, object, privilege } = question;
  const sentence = `${granteeLabel(role)} cannot ${ability(privilege, refLabel(object))}: ${problem}`;
  const none = { setRoles: [], ways: [], moreWays: false, rowSecurity: null, notes: [] };
  return { allowed: false, usable: false, ...none, obstacles: [problem], sentence };
}

function explain(found: Found): AccessExplanation {
  const { context, question, database, object, mask } = found;
  const { role, column } = question;
  const { ways, more } = waysTo(context, { role, database, object, mask, ...(column === undefined ? {} : { column }) });
  const entry = entryOf(context, { role, database, now: question.now });
  const allowed = ways.some(({ via }) => via !== 'set_role');
  const explained = ways.map((way) => ({
    ...way,
    usable: entry.obstacles.length === 0 && usesSchemaOf(context, way.setRole ?? role, database, object),
    sentence: inFull(way),
  }));
  const usable = explained.some((way) => way.usable && way.via !== 'set_role');
  const setRoles = usable || entry.obstacles.length > 0 ? [] : setRolesWithAccess(found);
  const obstacles = [...(allowed ? [] : missing(found, ways)), ...schemaObstacles(found), ...entry.obstacles];
  const security = rowSecurityFor(found);
  const notes = [...entry.notes, ...security.notes];
  const answer = { allowed, usable, setRoles, ways: explained, moreWays: more, rowSecurity: security.effect };
  return { ...answer, obstacles, notes, sentence: summary(found, { allowed, usable, setRoles, ways, obstacles }) };
}

/** Roles that have the right and the schema, so that SET ROLE to them is enough for one who is in the database. */
function setRolesWithAccess({ context, question, database, object, mask }: Found): string[] {
  const { role, column } = question;
  return setRolesOf(context, role, database.owner).filter(
    (target) =>
      usesSchemaOf(context, target, database, object) &&
      (holds(context, { role: target, database, object, mask }) ||
        (column !== undefined && holds(context, { role: target, database, object, mask, column }))),
  );
}

function schemaObstacles({ context, question, database, object }: Found): string[] {
  if (usesSchemaOf(context, question.role, database, object)) return [];
  return [`${granteeLabel(question.role)} has no USAGE on schema ${object.schema}`];
}

/** Why a role that is not allowed is not, as far as there is more to say than that nobody granted it. */
function missing(found: Found, ways: readonly Way[]): string[] {
  const { context, question, database, object, mask } = found;
  const { role, column, privilege } = question;
  const reasons: string[] = [];
  const name = granteeLabel(role);
  if ((superuserOnly(object) & mask) !== 0) reasons.push('only superusers change system catalogs');
  const setRoles = [...new Set(ways.flatMap(({ setRole }) => setRole ?? []))];
  if (setRoles.length > 0) reasons.push(`${name} has it only after SET ROLE ${setRoles.join(' or ')}`);
  const idle = idleGroups(found);
  if (idle.length > 0) {
    reasons.push(`${name} is a member of ${listed(idle)}, but neither inherits what it has nor may SET ROLE to it`);
  }
  if (countsFor(context, role, object.owner, database.owner) && reasons.length === 0) {
    reasons.push(`${object.owner} owns it, but revoked ${privilege} from itself; as owner it can grant it again`);
  }
  const columns = column === undefined ? heldColumns(found) : [];
  if (columns.length > 0) reasons.push(`${name} has ${privilege} ${columnList(columns)} only, not the whole`);
  if (reasons.length > 0) return reasons;
  return [
    role === PUBLIC
      ? `${privilege} is not granted to PUBLIC`
      : `${privilege} is granted neither to ${name}, nor to a role that it inherits from, nor to PUBLIC`,
  ];
}

/** Roles that have the right, and that the role is a member of without any use: neither INHERIT nor SET. */
function idleGroups({ context, question, database, object, mask }: Found): string[] {
  const { role, column } = question;
  const grants = [
    ...grantsOn(context.server, object),
    ...(column === undefined ? [] : grantsOn(context.server, object, column)),
  ];
  const member = context.graph.reach('member', role, database.owner);
  const reachable = waysTo(context, { role, database, object, mask, ...(column === undefined ? {} : { column }) }).ways;
  const reached = new Set(reachable.flatMap(({ path }) => path));
  const idle = grants.filter(
    ({ grantee, privileges }) =>
      (privileges & mask) !== 0 && member.has(grantee) && grantee !== role && !reached.has(grantee),
  );
  return [...new Set(idle.map(({ grantee }) => grantee))];
}

/** Columns that the role has the right on, without having it on the whole relation. */
function heldColumns({ context, question, database, object, mask }: Found): string[] {
  const isHeld = (column: string) =>
    grantsOn(context.server, object, column).some(
      ({ grantee, privileges }) =>
        (privileges & mask) !== 0 && countsFor(context, question.role, grantee, database.owner),
    );
  return [...(object.columns?.keys() ?? [])].filter(isHeld).toSorted();
}

/**
 * Row security does not hold for superusers, roles with BYPASSRLS, and whoever has the owner's privileges unless the table is set
 * to FORCE ROW LEVEL SECURITY, which is not observed (`check_enable_rls`, src/backend/utils/misc/rls.c).
 */
function rowSecurityFor({ context, question, database, object }: Found): {
  effect: AccessExplanation['rowSecurity'];
  notes: string[];
} {
  const { role, privilege } = question;
  if (object.rowSecurity !== true || !ROW_PRIVILEGES.has(privilege)) return { effect: null, notes: [] };
  const name = granteeLabel(role);
  const exempt = (why: string) => ({
    effect: 'exempt' as const,
    notes: [`row security does not hold for ${name}: ${why}`],
  });
  if (context.graph.isSuperuser(role)) return exempt('it is a superuser');
  if (context.server.roles.get(role)?.attributes.bypassrls === true) return exempt('it has BYPASSRLS');
  if (countsFor(context, role, object.owner, database.owner)) {
    return exempt(
      `it has the privileges of the owner ${object.owner}, unless the table forces row security on its owner`,
    );
  }
  return {
    effect: 'applies',
    notes: [`row security policies of ${refLabel(object)} decide which rows ${name} reaches`],
  };
}

function summary(
  { question, object }: Found,
  answer: Pick<AccessExplanation, 'allowed' | 'usable' | 'setRoles' | 'obstacles'> & { ways: readonly Way[] },
): string {
  const name = granteeLabel(question.role);
  const does = ability(question.privilege, refLabel(object), question.column === undefined ? [] : [question.column]);
  const { allowed, usable, setRoles, obstacles, ways } = answer;
  if (setRoles.length > 0) return `${name} can ${does} only after SET ROLE ${setRoles.join(' or ')}`;
  if (!allowed) return `${name} cannot ${does}: ${obstacles.join('; ')}`;
  const texts = [...new Set(ways.filter(({ via }) => via !== 'set_role').map(briefly))];
  if (!usable)
    return `${name} was given the right to ${does}, ${listed(texts)}, but cannot use it: ${obstacles.join('; ')}`;
  return `${name} can ${does}, ${listed(texts)}`;
}
