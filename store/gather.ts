/** Nobody waits longer for a read that does not end: what is asked after that is read beside it. In milliseconds. */
const PATIENCE_MS = 1_000;

/** Answers one question, together with others that are asked meanwhile. */
export interface Gatherer<K, V> {
  /** @returns undefined where the read has no answer to it */
  ask(key: K): Promise<V | undefined>;
  /** Whether no read is under way. */
  isIdle(): boolean;
}

/**
 * Gathers what is asked while a read is under way: the next read, which begins when that ends, answers all of it. So many callers
 * cost two reads, one caller waits for nothing, and nobody gets what was read before they asked.
 */
export function createGatherer<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): Gatherer<K, V> {
  let underWay: { reading: Promise<ReadonlyMap<K, V>>; since: number } | undefined;
  let next: { keys: Set<K>; reading: Promise<ReadonlyMap<K, V>> } | undefined;

  function begin(keys: readonly K[]): Promise<ReadonlyMap<K, V>> {
    const current = { reading: read(keys), since: performance.now() };
    underWay = current;
    const done = () => {
      if (underWay === current) underWay = undefined;
    };
    current.reading.then(done, done);
    return current.reading;
  }

  function beginNext(): Promise<ReadonlyMap<K, V>> {
    const keys = [...(next?.keys ?? [])];
    next = undefined;
    return begin(keys);
  }

  return {
    async ask(key) {
      const isFree = underWay === undefined || performance.now() - underWay.since > PATIENCE_MS;
      if (isFree || underWay === undefined) return (await begin([key])).get(key);
      next ??= { keys: new Set(), reading: underWay.reading.then(beginNext, beginNext) };
      next.keys.add(key);
      return (await next.reading).get(key);
    },
    isIdle: () => underWay === undefined && next === undefined,
  };
}
