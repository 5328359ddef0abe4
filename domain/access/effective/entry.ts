import { listed } from '../../spec/problems.ts';
import { type ObservedDatabase, type ObservedRole, PUBLIC } from '../observed.ts';
import { databaseObject } from '../privileges/contents-index.ts';
import { CONNECT, holds, type RightsContext } from './rights.ts';
import { logins } from './words.ts';

/** Who, where and when: VALID UNTIL is compared with `now`. */
interface Entering {
  role: string;
  database: ObservedDatabase;
  now: Date;
}

/** What keeps a role out of a database, and what is to be known about how it gets in; sentences without a full stop. */
export interface Entry {
  obstacles: string[];
  notes: string[];
}

/**
 * Whether a role gets into a database: itself where it may log in, else by the logins that have its privileges or may SET ROLE to
 * it. PUBLIC gets in where every login does. Host-based authentication (pg_hba.conf) is not known here.
 */
export function entryOf(context: RightsContext, entering: Entering): Entry {
  const { role } = entering;
  if (role === PUBLIC) return { obstacles: doorObstacles(context, entering), notes: [] };
  const observed = context.server.roles.get(role);
  if (observed?.attributes.login === true) {
    return { obstacles: loginObstacles(context, entering), notes: passwordNotes(observed) };
  }
  return groupEntry(context, entering);
}

function groupEntry(context: RightsContext, entering: Entering): Entry {
  const { role, database } = entering;
  const { inheriting, bySetRole } = context.graph.membersOf(role, database.owner);
  const members = [...inheriting, ...bySetRole].filter((name) => context.server.roles.get(name)?.attributes.login);
  const [first] = members;
  if (first === undefined) return { obstacles: [`${role} cannot log in, and no login is a member of it`], notes: [] };
  const obstaclesOf = (login: string) => loginObstacles(context, { ...entering, role: login });
  const welcome = members.filter((login) => obstaclesOf(login).length === 0);
  if (welcome.length > 0) {
    return { obstacles: [], notes: [`${role} cannot log in itself; ${reachedBy(welcome, bySetRole)}`] };
  }
  const who = members.length === 1 ? 'its only login does not get' : `none of its ${members.length} logins gets`;
  const obstacle = `${role} cannot log in, and ${who} into database ${database.name}: ${obstaclesOf(first).join(', ')}`;
  return { obstacles: [obstacle], notes: [] };
}

function reachedBy(names: readonly string[], bySetRole: ReadonlySet<string>): string {
  const labels = names.toSorted().map((name) => (bySetRole.has(name) ? `${name} (by SET ROLE)` : name));
  return `${logins(names.length)} ${names.length === 1 ? 'reaches' : 'reach'} it: ${listed(labels)}`;
}

/** What every role meets at the door of a database: whether it is open, and CONNECT (`CheckMyDatabase`). */
function doorObstacles(context: RightsContext, { role, database }: Entering): string[] {
  const obstacles: string[] = [];
  if (!database.allowConnections) obstacles.push(`database ${database.name} accepts no connections`);
  if (!holds(context, { role, database, object: databaseObject(database), mask: CONNECT })) {
    obstacles.push(
      role === PUBLIC
        ? `PUBLIC has no CONNECT on database ${database.name}: only those get in who have it otherwise`
        : `${role} has no CONNECT on database ${database.name}`,
    );
  }
  return obstacles;
}

function loginObstacles(context: RightsContext, entering: Entering): string[] {
  const { role, now } = entering;
  const attributes = context.server.roles.get(role)?.attributes;
  if (attributes === undefined || !attributes.login) return [`${role} cannot log in`];
  const obstacles = doorObstacles(context, entering);
  // Superusers are not counted (`InitPostgres`, CheckMyDatabase).
  if (attributes.connectionLimit === 0 && !attributes.superuser) obstacles.push(`the connection limit of ${role} is 0`);
  if (hasPassed(attributes.validUntil, now)) {
    obstacles.push(`the password of ${role} was valid until ${attributes.validUntil}; only other ways to log in work`);
  }
  return obstacles;
}

function passwordNotes(role: ObservedRole | undefined): string[] {
  return role?.password === 'none' ? [`${role.name} has no password: it logs in by other means or not at all`] : [];
}

/** Whether a VALID UNTIL lies in the past. `infinity` and what no date can hold do not. */
export function hasPassed(validUntil: string, now: Date): boolean {
  return validUntil === '-infinity' || Date.parse(validUntil) <= now.getTime();
}
