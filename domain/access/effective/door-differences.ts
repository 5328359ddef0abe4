import { type Bits, intersects, isEmpty, mapBits, word } from './bits.ts';
import type { Difference } from './compare-rights.ts';
import { CONNECT } from './rights.ts';
import type { RoleSets } from './role-sets.ts';
import type { Side } from './side.ts';

/** Like a {@link Difference}; ALL is what superusers have. */
type DoorDifference = Omit<Difference, 'privilege'> & { privilege: 'CONNECT' | 'ALL' };

/** One state of the way into a database. */
interface Door {
  side: Side;
  sets: RoleSets;
  superusers: Bits;
  /** Those who become superusers by SET ROLE. */
  setting: Bits;
}

/** Who gets into a database that did not before, or no longer, and for whom no right matters in it. */
export function doorDifferences(of: {
  before: Side;
  after: Side;
  sets: { before: RoleSets; after: RoleSets };
  words: number;
}): DoorDifference[] {
  const { words } = of;
  const before = doorOf(of.before, of.sets.before, words);
  const after = doorOf(of.after, of.sets.after, words);
  return [...appearing('gained', before, after, words), ...appearing('lost', after, before, words)];
}

function doorOf(side: Side, sets: RoleSets, words: number): Door {
  const { entering } = side;
  const superusers = mapBits(words, (at) => word(sets.superusers, at) & word(entering, at));
  const setting = mapBits(words, (at) => {
    let all = 0;
    for (const setters of sets.superuserSetters.values()) all |= word(setters, at);
    return all & word(entering, at);
  });
  return { side, sets, superusers, setting };
}

function* appearing(
  direction: Difference['direction'],
  from: Door,
  to: Door,
  words: number,
): Generator<DoorDifference> {
  const common = { direction, columns: [], staysBySetRole: false, columnsKept: [] };
  const either = (at: number) => word(from.superusers, at) | word(to.superusers, at);
  const mighty = mapBits(words, (at) => word(to.superusers, at) & ~word(from.superusers, at));
  if (!isEmpty(mighty)) {
    yield { ...common, privilege: 'ALL', logins: mighty, through: ['superuser'], direct: false, bySetRole: false };
  }
  const setting = mapBits(words, (at) => word(to.setting, at) & ~word(from.setting, at) & ~either(at));
  if (!isEmpty(setting)) {
    const through = [...to.sets.superuserSetters].filter(([, setters]) => intersects(setters, setting));
    const names = through.map(([name]) => name).toSorted();
    yield { ...common, privilege: 'ALL', logins: setting, through: names, direct: false, bySetRole: true };
  }
  const entering = mapBits(words, (at) => word(to.side.entering, at) & ~word(from.side.entering, at) & ~either(at));
  if (!isEmpty(entering)) {
    const { owner, acl } = to.side.database;
    const sources = to.side.sources([acl], { owner, bit: CONNECT, members: entering });
    yield { ...common, privilege: 'CONNECT', logins: entering, ...sources, bySetRole: false };
  }
}
