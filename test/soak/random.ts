import { createHash } from 'node:crypto';

/** Numbers that look random and are the same for the same seed, so that what a run does can be asked for again. */
export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number of a range, its ends included. */
  int(first: number, last: number): number;
  pick<T>(of: readonly T[]): T;
  chance(probability: number): boolean;
  shuffle<T>(of: readonly T[]): T[];
  /** A password that exists nowhere else. */
  password(): string;
  /** A sequence of its own, so that what one client does changes nothing for another. */
  fork(name: string): Random;
}

const PASSWORD_CHARACTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const PASSWORD_LENGTH = 32;

export function createRandom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  // mulberry32: 32 bits of state are plenty for choosing what to do next.
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const random: Random = {
    next,
    int: (first, last) => first + Math.floor(next() * (last - first + 1)),
    pick: (of) => {
      const picked = of[Math.floor(next() * of.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    chance: (probability) => next() < probability,
    shuffle: (of) =>
      of
        .map((item) => ({ item, place: next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ item }) => item),
    password: () => Array.from({ length: PASSWORD_LENGTH }, () => random.pick([...PASSWORD_CHARACTERS])).join(''),
    fork: (name) => createRandom(`${seed}/${name}`),
  };
  return random;
}
