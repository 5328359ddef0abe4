import { type ObservedDatabase, PUBLIC } from '../observed.ts';
import { indexOfContents } from '../privileges/contents-index.ts';
import { PRIVILEGES } from '../privileges.ts';
import { addBit, allBits, type Bits, hasBit, intersects, isEmpty, mapBits, noBits, word } from './bits.ts';
import { predefinedGrants, type RightsContext, USAGE } from './rights.ts';
import { type GrantList, holdersOf, type RoleSets, type Universe } from './role-sets.ts';

/** Who has which privilege on one object or column, superusers aside: a set of roles for each privilege, by its bit. */
export type Holders = Bits;

/** Where the rights of a group of roles come from. */
export interface Sources {
  /** Roles, `PUBLIC` or `ownership`. */
  through: string[];
  /** Some hold it by a grant to themselves. */
  direct: boolean;
}

const PRIVILEGE_COUNT = Object.keys(PRIVILEGES).length;

/** A database in one state of the server, with the roles that are looked at. */
export interface Side {
  context: RightsContext;
  database: ObservedDatabase;
  /** Who gets in. */
  entering: Bits;
  /** Who may use a schema; everybody where there is none or it was not read. */
  usingSchema(schema: string | null): Bits;
  /** Roles that have what is granted to `grantee`. */
  members(grantee: string): Bits | undefined;
  emptyHolders(): Holders;
  /** Adds what a list grants, without what is denied to everybody; answers the privileges that occur. */
  addHolders(holders: Holders, list: GrantList, denied: number): number;
  /** Roles that gain the privilege of `bit` by SET ROLE to one of those in `holders` who are in `gate`, too. */
  reachingBySetRole(holders: Holders, bit: number, gate: Bits): Bits;
  /** Roles that `members` reach it through by SET ROLE. */
  setRoles(holders: Holders, bit: number, gate: Bits, members: Bits): string[];
  /** What in these lists gives `members` a privilege. */
  sources(lists: readonly GrantList[], of: { owner: string; bit: number; members: Bits }): Sources;
}

/** Start of a privilege's set in {@link Holders}. */
export function placeOf(bit: number, words: number): number {
  return (31 - Math.clz32(bit)) * words;
}

export function createSide(
  context: RightsContext,
  database: ObservedDatabase,
  { sets, universe }: { sets: RoleSets; universe: Universe },
): Side {
  const { words, indexOf, names } = universe;
  const everybody = allBits(words);
  const gates = new Map<string, Bits>();
  const holdersWith = (grantee: string) => sets.of(grantee, database.owner);

  function gateOf(name: string): Bits {
    const schema = database.contents && indexOfContents(database.contents).named('schema', null, name)[0];
    if (schema === undefined) return everybody;
    return holdersOf([...schema.acl, ...predefinedGrants(context.server, schema)], USAGE, holdersWith, words);
  }

  function isReached(target: number, holders: Holders, bit: number, gate: Bits): boolean {
    const at = target >>> 5;
    return (word(holders, placeOf(bit, words) + at) & word(gate, at) & (1 << (target & 31))) !== 0;
  }

  function hasOthers(holders: Bits, members: Bits, own: number): boolean {
    const itself = noBits(words);
    addBit(itself, own);
    return !isEmpty(mapBits(words, (at) => word(holders, at) & word(members, at) & ~word(itself, at)));
  }

  return {
    context,
    database,
    entering: sets.entering(database),

    usingSchema(schema) {
      if (schema === null) return everybody;
      const gate = gates.get(schema) ?? gateOf(schema);
      gates.set(schema, gate);
      return gate;
    },

    members: holdersWith,
    emptyHolders: () => noBits(words * PRIVILEGE_COUNT),

    addHolders(holders, list, denied) {
      let all = 0;
      for (const { grantee, privileges } of list) {
        const members = holdersWith(grantee);
        if (members === undefined) continue;
        all |= privileges & ~denied;
        for (let rest = privileges & ~denied; rest !== 0; rest &= rest - 1) {
          const place = placeOf(rest & -rest, words);
          for (let at = 0; at < words; at += 1) holders[place + at] = word(holders, place + at) | word(members, at);
        }
      }
      return all;
    },

    reachingBySetRole(holders, bit, gate) {
      const reaching = noBits(words);
      for (const [target, setters] of sets.setters) {
        if (!isReached(target, holders, bit, gate)) continue;
        for (let at = 0; at < words; at += 1) reaching[at] = word(reaching, at) | word(setters, at);
      }
      return reaching;
    },

    setRoles(holders, bit, gate, members) {
      const reached = [...sets.setters].filter(
        ([target, setters]) => isReached(target, holders, bit, gate) && intersects(setters, members),
      );
      return reached.map(([target]) => names[target] ?? '').toSorted();
    },

    sources(lists, { owner, bit, members }) {
      const through = new Set<string>();
      let direct = false;
      for (const { grantee, privileges } of lists.flat()) {
        const holders = (privileges & bit) === 0 ? undefined : holdersWith(grantee);
        if (holders === undefined || !intersects(holders, members)) continue;
        const own = indexOf.get(grantee);
        const isOwn = own !== undefined && hasBit(members, own);
        if (isOwn && grantee === owner) through.add('ownership');
        else if (isOwn) direct = true;
        if (grantee === PUBLIC) through.add('PUBLIC');
        else if (!isOwn || hasOthers(holders, members, own)) through.add(grantee);
      }
      return { through: [...through].toSorted(), direct };
    },
  };
}
