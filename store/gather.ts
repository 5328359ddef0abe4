import type pg from 'pg';

/** Nobody waits longer for a read that does not end: what is asked after that is read beside it. In milliseconds. */
const PATIENCE_MS = 1_000;

/** Answers one question, together with others that are asked meanwhile. */
export interface Gatherer<K, V> {
  /** @returns undefined where the read has no answer to it */
  ask(key: K): Promise<V | undefined>;
  /** Whether no read is under way. */
  isIdle(): boolean;
}

/** A read, and what was asked meanwhile. */
interface Round<K, V> {
  reading: Promise<ReadonlyMap<K, V>>;
  since: number;
  next: { keys: Set<K>; reading: Promise<ReadonlyMap<K, V>> } | undefined;
}

/**
 * Gathers what is asked while a read is under way: the next read, which begins when that ends, answers all of it. So many callers
 * cost two reads, one caller waits for nothing, and nobody gets what was read before they asked.
 */
export function createGatherer<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): Gatherer<K, V> {
  let underWay: Round<K, V> | undefined;

  function begin(keys: readonly K[]): Promise<ReadonlyMap<K, V>> {
    const round: Round<K, V> = { reading: read(keys), since: performance.now(), next: undefined };
    underWay = round;
    const done = () => {
      if (underWay === round) underWay = undefined;
    };
    round.reading.then(done, done);
    return round.reading;
  }

  /** What is asked during a round: read as soon as that ends, however it ends. */
  function after(round: Round<K, V>): NonNullable<Round<K, V>['next']> {
    const keys = new Set<K>();
    const beginNext = () => begin([...keys]);
    return { keys, reading: round.reading.then(beginNext, beginNext) };
  }

  return {
    async ask(key) {
      const round = underWay;
      if (round === undefined || performance.now() - round.since > PATIENCE_MS) return (await begin([key])).get(key);
      round.next ??= after(round);
      round.next.keys.add(key);
      return (await round.next.reading).get(key);
    },
    isIdle: () => underWay === undefined,
  };
}

/** A gatherer for each pool, made when it is first needed and gone with it. */
export function gathererOfPool<K, V>(
  read: (db: pg.Pool, keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
): (db: pg.Pool) => Gatherer<K, V> {
  const gatherers = new WeakMap<pg.Pool, Gatherer<K, V>>();
  return (db) => {
    const gatherer = gatherers.get(db) ?? createGatherer<K, V>((keys) => read(db, keys));
    gatherers.set(db, gatherer);
    return gatherer;
  };
}
