import { type AclEntry, type ObservedDatabase, PUBLIC } from '../observed.ts';
import { DATABASE_OWNER_ROLE } from '../roles/rules.ts';
import { addBit, allBits, type Bits, mapBits, noBits, word } from './bits.ts';
import { CONNECT, type RightsContext } from './rights.ts';
import { setRolesOf } from './ways.ts';

/** Roles that are looked at together, each with a number. */
export interface Universe {
  names: readonly string[];
  indexOf: ReadonlyMap<string, number>;
  /** Words of a set of them. */
  words: number;
}

/** Logins, and the roles that they gain something from by SET ROLE, before or after. */
export function universeOf(logins: Iterable<string>, states: readonly RightsContext[]): Universe {
  const names = new Set(logins);
  for (const login of [...names]) {
    for (const state of states) for (const target of setRolesOf(state, login)) names.add(target);
  }
  const ordered = [...names].toSorted();
  return {
    names: ordered,
    indexOf: new Map(ordered.map((name, index) => [name, index])),
    words: Math.ceil(ordered.length / 32),
  };
}

function setOf<K>(sets: Map<K, Bits>, key: K, words: number): Bits {
  const bits = sets.get(key) ?? noBits(words);
  sets.set(key, bits);
  return bits;
}

/** Roles of the universe that have something in common in one state of a server. */
export interface RoleSets {
  /** Those that have the privileges of `holder` without SET ROLE, superusers aside; undefined where there are none. */
  of(holder: string, databaseOwner: string): Bits | undefined;
  /** By number of a role: those who gain its privileges by SET ROLE, logins or not; superusers are not among these roles. */
  setters: ReadonlyMap<number, Bits>;
  superusers: Bits;
  /** Those who may SET ROLE to a superuser, by that one's name. */
  superuserSetters: ReadonlyMap<string, Bits>;
  /** Those that get into a database: LOGIN, CONNECT, a connection limit other than 0. */
  entering(database: ObservedDatabase): Bits;
}

export function createRoleSets(context: RightsContext, universe: Universe): RoleSets {
  const { server, graph } = context;
  const { names, words, indexOf } = universe;
  const membersOf = new Map<string, number[]>();
  const setters = new Map<number, Bits>();
  const superuserSetters = new Map<string, Bits>();
  const superusers = noBits(words);
  const able = noBits(words);
  names.forEach((name, index) => {
    for (const holder of graph.reach('inherit', name).roles()) {
      const members = membersOf.get(holder);
      if (members === undefined) membersOf.set(holder, [index]);
      else members.push(index);
    }
    const attributes = server.roles.get(name)?.attributes;
    if (attributes?.superuser) addBit(superusers, index);
    if (attributes?.login && (attributes.connectionLimit !== 0 || attributes.superuser)) addBit(able, index);
    for (const target of setRolesOf(context, name)) {
      if (graph.isSuperuser(target)) addBit(setOf(superuserSetters, target, words), index);
      else addBit(setOf(setters, indexOf.get(target) ?? 0, words), index);
    }
  });

  const everybody = allBits(words);
  const sets = new Map<string, Bits>([[PUBLIC, everybody]]);

  function of(holder: string, databaseOwner: string): Bits | undefined {
    const known = sets.get(holder);
    if (known !== undefined) return known;
    const members = membersOf.get(holder);
    if (members === undefined) {
      const heir = holder === DATABASE_OWNER_ROLE ? graph.heirOf(databaseOwner) : undefined;
      return heir === undefined ? undefined : of(heir, databaseOwner);
    }
    const bits = noBits(words);
    for (const index of members) addBit(bits, index);
    sets.set(holder, bits);
    return bits;
  }

  function entering({ owner, acl, allowConnections }: ObservedDatabase): Bits {
    if (!allowConnections) return noBits(words);
    const connect = holdersOf(acl, CONNECT, (holder) => of(holder, owner), words);
    return mapBits(words, (at) => word(able, at) & (word(connect, at) | word(superusers, at)));
  }

  return { of, setters, superusers, superuserSetters, entering };
}

/** Grants of an access control list, or of predefined roles. */
export type GrantList = readonly Pick<AclEntry, 'grantee' | 'privileges'>[];

/** Roles that hold a privilege by a list. */
export function holdersOf(
  list: GrantList,
  mask: number,
  of: (holder: string) => Bits | undefined,
  words: number,
): Bits {
  const holders = noBits(words);
  for (const { grantee, privileges } of list) {
    const members = (privileges & mask) === 0 ? undefined : of(grantee);
    if (members === undefined) continue;
    for (let at = 0; at < words; at += 1) holders[at] = word(holders, at) | word(members, at);
  }
  return holders;
}
