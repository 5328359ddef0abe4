import type { ObservedObject } from '../observed.ts';
import { COLUMN_MASK } from '../privileges/object-rights.ts';
import { namesOf, type PrivilegeName } from '../privileges.ts';
import { allBits, type Bits, intersects, isEmpty, mapBits, word } from './bits.ts';
import { predefinedGrants, superuserOnly } from './rights.ts';
import { type GrantList, holdersOf, type RoleSets } from './role-sets.ts';
import { type Holders, placeOf, type Side, type Sources } from './side.ts';

/** What changes for some logins on one object. */
export interface Difference extends Sources {
  direction: 'gained' | 'lost';
  privilege: PrivilegeName;
  /** Only these columns; empty: the object as a whole. */
  columns: readonly string[];
  logins: Bits;
  /** Only after SET ROLE, to one of `through`. */
  bySetRole: boolean;
  /** Something is lost, but some of the logins still reach it after SET ROLE. */
  staysBySetRole: boolean;
  /** Something is lost, but some of the logins keep it on these columns. */
  columnsKept: readonly string[];
}

/** One state of one object. */
interface Half {
  side: Side;
  object: ObservedObject | undefined;
  lists: readonly GrantList[];
  holders: Holders;
  gate: Bits;
}

/** What is compared: an object, or one of its columns. */
interface Pair {
  before: Half;
  after: Half;
  columns: readonly string[];
  /** Of a column: the whole object, whose rights hold for it, too. */
  whole?: { before: Half; after: Half };
}

/** Compares who can use an object before and after. */
export interface Comparer {
  differences(before: ObservedObject | undefined, after: ObservedObject | undefined): Difference[];
}

/**
 * A login can use an object if it gets into the database, may use the schema and has the privilege, without SET ROLE; what it
 * reaches only after SET ROLE is told apart.
 *
 * Told is only what comes from rights on the object itself: where the same right becomes usable or useless because CONNECT or the
 * schema's USAGE changes, that change tells it. Superusers before or after are left out for the same reason, and so is what
 * whoever may SET ROLE to a superuser reaches that way.
 */
export function createComparer(of: {
  before: Side;
  after: Side;
  sets: { before: RoleSets; after: RoleSets };
  words: number;
}): Comparer {
  const { before, after, sets, words } = of;
  const everybody = allBits(words);
  const hasSetters = sets.before.setters.size + sets.after.setters.size > 0;
  const ordinary = mapBits(words, (at) => ~(word(sets.before.superusers, at) | word(sets.after.superusers, at)));
  const mighty = mapBits(words, (at) => {
    let all = 0;
    for (const { superuserSetters } of [sets.before, sets.after]) {
      for (const setters of superuserSetters.values()) all |= word(setters, at);
    }
    return all;
  });
  const buffers = { before: before.emptyHolders(), after: after.emptyHolders() };
  const columnBuffers = { before: before.emptyHolders(), after: after.emptyHolders() };

  function halfOf(side: Side, object: ObservedObject | undefined, holders: Holders): Half & { mask: number } {
    holders.fill(0);
    if (object === undefined) return { side, object, lists: [], holders, gate: everybody, mask: 0 };
    const lists = [object.acl, predefinedGrants(side.context.server, object)];
    let mask = 0;
    for (const list of lists) mask |= side.addHolders(holders, list, superuserOnly(object));
    return { side, object, lists, holders, gate: side.usingSchema(object.schema), mask };
  }

  function columnHalf(whole: Half, column: string, holders: Holders): Half & { mask: number } {
    holders.set(whole.holders);
    const list = whole.object?.columns?.get(column) ?? [];
    const mask = whole.side.addHolders(holders, list, whole.object === undefined ? 0 : superuserOnly(whole.object));
    return { ...whole, lists: [list], holders, mask };
  }

  /** Logins that have it in `to` and not in `from`. */
  function appearing(from: Half, to: Half, bit: number, whole: Half | undefined): Bits {
    const place = placeOf(bit, words);
    return mapBits(words, (at) => {
      const covered = whole === undefined ? 0 : word(whole.holders, place + at);
      const appears = word(to.holders, place + at) & ~word(from.holders, place + at) & ~covered;
      return appears & word(to.gate, at) & word(to.side.entering, at) & word(ordinary, at);
    });
  }

  /** Logins that reach it by SET ROLE in `to`, and in `from` not at all. */
  function appearingBySetRole(from: Half, to: Half, bit: number, whole: Half | undefined): Bits {
    const place = placeOf(bit, words);
    const reaching = to.side.reachingBySetRole(to.holders, bit, to.gate);
    if (isEmpty(reaching)) return reaching;
    const known = from.side.reachingBySetRole(from.holders, bit, everybody);
    const covered = whole && to.side.reachingBySetRole(whole.holders, bit, to.gate);
    return mapBits(words, (at) => {
      const usable = word(to.holders, place + at) & word(to.gate, at);
      const others = word(known, at) | word(from.holders, place + at) | (covered ? word(covered, at) : 0);
      return (
        word(reaching, at) & ~usable & ~others & ~word(mighty, at) & word(to.side.entering, at) & word(ordinary, at)
      );
    });
  }

  function columnsKept(half: Half, bit: number, logins: Bits): string[] {
    if ((bit & COLUMN_MASK) === 0 || half.object?.columns === undefined) return [];
    const { side, gate } = half;
    const usable = mapBits(words, (at) => word(logins, at) & word(gate, at) & word(side.entering, at));
    const isKept = (list: GrantList) => intersects(holdersOf(list, bit, side.members, words), usable);
    return [...half.object.columns]
      .filter(([, list]) => isKept(list))
      .map(([column]) => column)
      .toSorted();
  }

  function plainDifference(direction: Difference['direction'], pair: Pair, bit: number, logins: Bits): Difference {
    const [from, to] = direction === 'gained' ? [pair.before, pair.after] : [pair.after, pair.before];
    const isLost = direction === 'lost';
    const reaching = isLost && hasSetters ? from.side.reachingBySetRole(from.holders, bit, from.gate) : undefined;
    return {
      direction,
      privilege: nameOf(bit),
      columns: pair.columns,
      logins,
      ...to.side.sources(to.lists, { owner: to.object?.owner ?? '', bit, members: logins }),
      bySetRole: false,
      staysBySetRole:
        reaching !== undefined &&
        intersects(
          reaching,
          mapBits(words, (at) => word(logins, at) & word(from.side.entering, at)),
        ),
      columnsKept: isLost && pair.whole === undefined ? columnsKept(from, bit, logins) : [],
    };
  }

  function setRoleDifference(direction: Difference['direction'], pair: Pair, bit: number, logins: Bits): Difference {
    const { side, holders, gate } = direction === 'gained' ? pair.after : pair.before;
    return {
      direction,
      privilege: nameOf(bit),
      columns: pair.columns,
      logins,
      through: side.setRoles(holders, bit, gate, logins),
      direct: false,
      bySetRole: true,
      staysBySetRole: false,
      columnsKept: [],
    };
  }

  function* comparePair(pair: Pair, mask: number): Generator<Difference> {
    const { before: from, after: to, whole } = pair;
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const bit = rest & -rest;
      const gained = appearing(from, to, bit, whole?.after);
      if (!isEmpty(gained)) yield plainDifference('gained', pair, bit, gained);
      const lost = appearing(to, from, bit, whole?.before);
      if (!isEmpty(lost)) yield plainDifference('lost', pair, bit, lost);
      if (!hasSetters) continue;
      const gainedSo = appearingBySetRole(from, to, bit, whole?.after);
      if (!isEmpty(gainedSo)) yield setRoleDifference('gained', pair, bit, gainedSo);
      const lostSo = appearingBySetRole(to, from, bit, whole?.before);
      if (!isEmpty(lostSo)) yield setRoleDifference('lost', pair, bit, lostSo);
    }
  }

  return {
    differences(objectBefore, objectAfter) {
      const whole = {
        before: halfOf(before, objectBefore, buffers.before),
        after: halfOf(after, objectAfter, buffers.after),
      };
      const found = [...comparePair({ ...whole, columns: [] }, whole.before.mask | whole.after.mask)];
      const columns = new Set([...(objectBefore?.columns?.keys() ?? []), ...(objectAfter?.columns?.keys() ?? [])]);
      for (const column of columns) {
        const pair = {
          before: columnHalf(whole.before, column, columnBuffers.before),
          after: columnHalf(whole.after, column, columnBuffers.after),
          columns: [column],
          whole,
        };
        found.push(...comparePair(pair, pair.before.mask | pair.after.mask));
      }
      return found;
    },
  };
}

function nameOf(bit: number): PrivilegeName {
  return namesOf(bit)[0] as PrivilegeName;
}
