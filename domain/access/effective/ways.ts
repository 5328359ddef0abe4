import { groupBy } from '../groups.ts';
import { type ObservedDatabase, type ObservedObject, PUBLIC } from '../observed.ts';
import type { PrivilegeMask } from '../privileges.ts';
import { type Grant, grantsOn, PREDEFINED_ROLES, type RightsContext } from './rights.ts';
import { joined } from './words.ts';

/**
 * How a role comes by a right. `owner`: it is the owner or has the owner's privileges; `member`: from a role that it inherits from;
 * `predefined`: as part of a role such as pg_read_all_data; `set_role`: only after SET ROLE.
 */
export type Via = 'superuser' | 'owner' | 'direct' | 'member' | 'predefined' | 'public' | 'set_role';

const ORDER: readonly Via[] = ['superuser', 'owner', 'direct', 'member', 'predefined', 'public', 'set_role'];

/** One way by which a role has a right. */
export interface Way {
  via: Via;
  /** From the role to the one that holds the right; only the role itself for PUBLIC, superusers and direct grants. */
  path: readonly string[];
  /** Role of `path` to SET ROLE to. */
  setRole?: string;
  /** Only on this column. */
  column?: string;
  /** Empty where nobody granted it: superusers and predefined roles. */
  grantors: readonly string[];
  grantable: boolean;
}

/** The ways to one right. */
export interface Ways {
  /** The plainest first. */
  ways: Way[];
  /** There are more, which were not looked for. */
  more: boolean;
}

/** Paths that one answer holds: their number can grow exponentially with the depth of the groups. */
const MAX_WAYS = 50;

/** A grantee's right, whoever granted it. */
interface Holding extends Pick<Way, 'column' | 'grantors' | 'grantable'> {
  holder: string;
}

/** How the right of `holder` on an object comes to somebody who inherits it from there by a path of this length. */
export function viaOf(
  holder: string,
  of: { owner: string; pathLength: number },
): Exclude<Via, 'superuser' | 'set_role'> {
  if (holder === PUBLIC) return 'public';
  if (holder === of.owner) return 'owner';
  if (PREDEFINED_ROLES.has(holder)) return 'predefined';
  return of.pathLength === 1 ? 'direct' : 'member';
}

/** Every way by which `role` has one privilege on an object, or on a column of it: then rights on the whole count, too. */
export function waysTo(
  context: RightsContext,
  of: { role: string; database: ObservedDatabase; object: ObservedObject; column?: string; mask: PrivilegeMask },
): Ways {
  const { graph } = context;
  const { role, database, object } = of;
  const databaseOwner = database.owner;
  const holdings = holdingsOf(context, of);
  const inherited = graph.reach('inherit', role, databaseOwner);
  const found: Way[] = graph.isSuperuser(role) ? [asSuperuser([role])] : [];
  for (const { holder, ...rest } of holdings) {
    const paths =
      holder === PUBLIC ? [[role]] : graph.paths('inherit', { role, to: holder, databaseOwner, limit: MAX_WAYS });
    for (const path of paths) {
      found.push({ via: viaOf(holder, { owner: object.owner, pathLength: path.length }), path, ...rest });
    }
  }
  for (const target of setRolesOf(context, role, databaseOwner)) {
    const path = graph.reach('set', role, databaseOwner).pathTo(target) ?? [];
    if (graph.isSuperuser(target)) found.push({ ...asSuperuser(path), via: 'set_role', setRole: target });
    for (const { holder, ...rest } of holdings) {
      const onward = graph.reach('inherit', target, databaseOwner).pathTo(holder);
      if (onward === undefined || inherited.has(holder)) continue;
      found.push({ via: 'set_role', path: [...path, ...onward.slice(1)], setRole: target, ...rest });
    }
  }
  found.sort((a, b) => ORDER.indexOf(a.via) - ORDER.indexOf(b.via) || a.path.length - b.path.length);
  return { ways: found.slice(0, MAX_WAYS), more: found.length >= MAX_WAYS };
}

/** Roles that `role` gains something from by SET ROLE: it does not inherit from them, or they are superusers. */
export function setRolesOf({ graph }: RightsContext, role: string, databaseOwner?: string): string[] {
  if (graph.isSuperuser(role)) return [];
  const inherited = graph.reach('inherit', role, databaseOwner);
  return [...graph.reach('set', role, databaseOwner).roles()].filter(
    (target) => target !== role && (!inherited.has(target) || graph.isSuperuser(target)),
  );
}

function asSuperuser(path: readonly string[]): Way {
  return { via: 'superuser', path, grantors: [], grantable: true };
}

function holdingsOf(
  { server }: RightsContext,
  { object, column, mask }: { object: ObservedObject; column?: string; mask: PrivilegeMask },
): Holding[] {
  const hasIt = ({ privileges }: Grant) => (privileges & mask) !== 0;
  const onWhole = merged(grantsOn(server, object).filter(hasIt), mask);
  if (column === undefined) return onWhole;
  const onColumn = merged(grantsOn(server, object, column).filter(hasIt), mask);
  return [...onWhole, ...onColumn.map((holding) => ({ ...holding, column }))];
}

function merged(grants: readonly Grant[], mask: PrivilegeMask): Holding[] {
  return [...groupBy(grants, ({ grantee }) => grantee)].map(([holder, entries]) => ({
    holder,
    grantors: entries.flatMap(({ grantor }) => grantor ?? []),
    grantable: entries.some(({ grantable }) => (grantable & mask) !== 0),
  }));
}

/** For people: `through group reporting`, `as its owner`. */
export function briefly({ via, path, setRole }: Way): string {
  const holder = path.at(-1) ?? '';
  const texts: Record<Via, string> = {
    superuser: 'as superuser',
    owner: path.length === 1 ? 'as its owner' : `as member of its owner ${holder}`,
    direct: 'granted directly',
    member: `through group ${holder}`,
    predefined: `through ${holder}`,
    public: 'through PUBLIC',
    set_role: `after SET ROLE ${setRole ?? holder}`,
  };
  return texts[via];
}

/** For people: the whole way, with path and grantors. */
export function inFull(way: Way): string {
  const { via, path, setRole, column, grantors, grantable } = way;
  const holder = path.at(-1) ?? '';
  const chain = path.length > 1 ? ` (${path.join(' → ')})` : '';
  const by = grantors.length === 0 ? '' : ` by ${joined(grantors)}`;
  const granted = `granted to ${via === 'public' ? 'PUBLIC' : holder}${by}${column === undefined ? '' : ` on column ${column}`}${grantable ? ' with grant option' : ''}`;
  const texts: Record<Via, string> = {
    superuser: `${holder} is a superuser`,
    owner: `${holder} is the owner${chain}`,
    direct: granted,
    member: `${granted}${chain}`,
    predefined: `${holder} has it everywhere${chain}`,
    public: granted,
    set_role: `after SET ROLE ${setRole}${chain}: ${grantors.length === 0 ? `${holder} has it everywhere` : granted}`,
  };
  return texts[via];
}
