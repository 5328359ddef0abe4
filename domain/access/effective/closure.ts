import { groupBy } from '../groups.ts';
import type { ObservedServer } from '../observed.ts';
import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';

/**
 * What a path of memberships is to carry: `inherit` the privileges of a role without SET ROLE (ROLERECURSE_PRIVS), `set` the
 * right to SET ROLE to it (ROLERECURSE_SETROLE), `member` nothing but membership (ROLERECURSE_MEMBERS, src/backend/utils/adt/acl.c).
 */
type PathKind = 'inherit' | 'set' | 'member';

/** Roles that one role reaches. */
export interface Reach {
  has(role: string): boolean;
  /** The role itself first, then the nearest; roles as near as each other in the order of the paths to them. */
  roles(): Iterable<string>;
  /** The shortest path, both ends included; among several the first one by name. Undefined where there is none. */
  pathTo(role: string): readonly string[] | undefined;
}

/** Who is a member of what on a server, prepared for many questions. Superusers need none of it and are not treated apart. */
export interface MembershipGraph {
  /** Roles that `role` reaches; within a database whose owner is given, that owner reaches pg_database_owner. */
  reach(kind: PathKind, role: string, databaseOwner?: string): Reach;
  /** All paths without detours from one role to another, shortest first, `limit` at most. */
  paths(kind: PathKind, from: { role: string; to: string; databaseOwner?: string; limit: number }): readonly string[][];
  /** Roles that have the privileges of `role`, by inheritance or only after SET ROLE; `role` itself is the first. */
  membersOf(role: string, databaseOwner?: string): { inheriting: ReadonlySet<string>; bySetRole: ReadonlySet<string> };
  isSuperuser(role: string): boolean;
  /** Role whose privileges stand for those of pg_database_owner; undefined where nobody has them without SET ROLE. */
  heirOf(databaseOwner: string): string | undefined;
}

/** Rows of several grantors for the same membership count together. */
type Edge = { role: string } & Record<PathKind, boolean>;

type MemberEdge = Edge & { from: string };

type Parents = ReadonlyMap<string, string | null>;

type Memberships = Pick<ObservedServer, 'versionNum' | 'roles' | 'memberships'>;

/** An observed state is never changed, so that what follows from it holds as long as it does. */
const graphs = new WeakMap<Memberships['memberships'], { roles: Memberships['roles']; graph: MembershipGraph }>();

/**
 * The memberships of a server, prepared once: states that share roles and memberships share the answer. Nothing is reached before
 * it is asked for, and answers are kept.
 */
export function createMembershipGraph(server: Memberships): MembershipGraph {
  const known = graphs.get(server.memberships);
  if (known?.roles === server.roles) return known.graph;
  const graph = prepare(server);
  graphs.set(server.memberships, { roles: server.roles, graph });
  return graph;
}

function prepare(server: Memberships): MembershipGraph {
  const edges = edgesByMember(server);
  const hasOwnerRole = server.roles.has(DATABASE_OWNER_ROLE);
  const known = new Map<string, Reach>();
  let reversed: ReadonlyMap<string, readonly MemberEdge[]> | undefined;

  /** Before 16 a role without INHERIT has nothing of its groups, pg_database_owner included (`has_rolinherit`). */
  function leadsOwner(kind: PathKind, databaseOwner: string): boolean {
    if (!hasOwnerRole || databaseOwner === DATABASE_OWNER_ROLE) return false;
    if (kind !== 'inherit' || server.versionNum >= 160_000) return true;
    return server.roles.get(databaseOwner)?.attributes.inherit ?? true;
  }

  function next(kind: PathKind, role: string, databaseOwner: string | undefined): string[] {
    const found = (edges.get(role) ?? []).filter((edge) => edge[kind]).map((edge) => edge.role);
    if (role === databaseOwner && leadsOwner(kind, role)) found.push(DATABASE_OWNER_ROLE);
    return found;
  }

  function search(kind: PathKind, role: string, databaseOwner: string | undefined): Parents {
    const parents = new Map<string, string | null>([[role, null]]);
    // A map can grow while it is walked through: new roles come last.
    for (const member of parents.keys()) {
      for (const group of next(kind, member, databaseOwner)) if (!parents.has(group)) parents.set(group, member);
    }
    return parents;
  }

  function reach(kind: PathKind, role: string, databaseOwner?: string): Reach {
    const key = `${kind}\0${role}`;
    const everywhere = known.get(key) ?? createReach(search(kind, role, undefined));
    known.set(key, everywhere);
    if (databaseOwner === undefined || !hasOwnerRole || !everywhere.has(databaseOwner)) return everywhere;
    const keyHere = `${key}\0${databaseOwner}`;
    const here = known.get(keyHere) ?? createReach(search(kind, role, databaseOwner));
    known.set(keyHere, here);
    return here;
  }

  function membersBy(kind: PathKind, start: Iterable<string>, databaseOwner: string | undefined): Set<string> {
    reversed ??= edgesByRole(edges);
    const members = new Set(start);
    for (const role of members) {
      for (const edge of reversed.get(role) ?? []) if (edge[kind]) members.add(edge.from);
      if (role !== DATABASE_OWNER_ROLE || databaseOwner === undefined) continue;
      if (leadsOwner(kind, databaseOwner)) members.add(databaseOwner);
    }
    return members;
  }

  return {
    reach,

    paths(kind, { role, to, databaseOwner, limit }) {
      const shortest = reach(kind, role, databaseOwner).pathTo(to);
      if (shortest === undefined) return [];
      const found = [[...shortest]];
      const trail: string[] = [];
      const isLeading = (group: string) => reach(kind, group, databaseOwner).has(to) && !trail.includes(group);
      const walk = (at: string): void => {
        if (found.length >= limit) return;
        trail.push(at);
        if (at !== to) next(kind, at, databaseOwner).filter(isLeading).forEach(walk);
        else if (!isSamePath(trail, shortest)) found.push([...trail]);
        trail.pop();
      };
      walk(role);
      return found.toSorted((a, b) => a.length - b.length);
    },

    membersOf(role, databaseOwner) {
      const inheriting = membersBy('inherit', [role], databaseOwner);
      const bySetRole = membersBy('set', inheriting, databaseOwner);
      for (const member of inheriting) bySetRole.delete(member);
      return { inheriting, bySetRole };
    },

    isSuperuser: (role) => server.roles.get(role)?.attributes.superuser === true,
    heirOf: (databaseOwner) => (leadsOwner('inherit', databaseOwner) ? databaseOwner : undefined),
  };
}

function createReach(parents: Parents): Reach {
  return {
    has: (role) => parents.has(role),
    roles: () => parents.keys(),
    pathTo(role) {
      if (!parents.has(role)) return undefined;
      const path = [role];
      for (let at = parents.get(role); at != null; at = parents.get(at)) path.push(at);
      return path.reverse();
    },
  };
}

function edgesByMember({ memberships }: Pick<ObservedServer, 'memberships'>): ReadonlyMap<string, readonly Edge[]> {
  const edges = new Map<string, Map<string, Edge>>();
  for (const { role, member, inherit, set } of memberships) {
    const groups = edges.get(member) ?? new Map<string, Edge>();
    edges.set(member, groups);
    const edge = groups.get(role);
    if (edge === undefined) groups.set(role, { role, inherit, set, member: true });
    else {
      edge.inherit ||= inherit;
      edge.set ||= set;
    }
  }
  const byName = (a: Edge, b: Edge) => (a.role < b.role ? -1 : 1);
  return new Map([...edges].map(([member, groups]) => [member, [...groups.values()].sort(byName)]));
}

function edgesByRole(edges: ReadonlyMap<string, readonly Edge[]>): Map<string, MemberEdge[]> {
  const all = [...edges].flatMap(([member, groups]) => groups.map((edge) => ({ ...edge, from: member })));
  return groupBy(all, ({ role }) => role);
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((role, index) => role === b[index]);
}
