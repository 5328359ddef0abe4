/** A set of small numbers, one bit each, in words of 32. Sets that are combined have the same length. */
export type Bits = Uint32Array;

export function noBits(words: number): Bits {
  return new Uint32Array(words);
}

export function allBits(words: number): Bits {
  return new Uint32Array(words).fill(0xffff_ffff);
}

export function addBit(bits: Bits, index: number): void {
  bits[index >>> 5] = word(bits, index >>> 5) | (1 << (index & 31));
}

export function hasBit(bits: Bits, index: number): boolean {
  return (word(bits, index >>> 5) & (1 << (index & 31))) !== 0;
}

/** One word; beyond the end there is nothing. */
export function word(bits: Bits, at: number): number {
  return bits[at] ?? 0;
}

/** A new set, word by word. */
export function mapBits(words: number, wordAt: (at: number) => number): Bits {
  const bits = noBits(words);
  for (let at = 0; at < words; at += 1) bits[at] = wordAt(at);
  return bits;
}

export function isEmpty(bits: Bits): boolean {
  for (const bitsOfWord of bits) if (bitsOfWord !== 0) return false;
  return true;
}

export function intersects(a: Bits, b: Bits): boolean {
  for (let at = 0; at < a.length; at += 1) if ((word(a, at) & word(b, at)) !== 0) return true;
  return false;
}

/** The numbers of a set, ascending. */
export function indexesOf(bits: Bits): number[] {
  const indexes: number[] = [];
  bits.forEach((bitsOfWord, at) => {
    for (let rest = bitsOfWord; rest !== 0; rest &= rest - 1) indexes.push(at * 32 + 31 - Math.clz32(rest & -rest));
  });
  return indexes;
}

/** Finds equal sets: the same answer for the same set, made once. */
export function createBitsIndex<T>(make: (bits: Bits) => T): (bits: Bits) => T {
  const buckets = new Map<number, { bits: Bits; made: T }[]>();
  return (bits) => {
    let hash = 0;
    for (const bitsOfWord of bits) hash = Math.imul(hash ^ bitsOfWord, 0x0100_0193);
    const bucket = buckets.get(hash) ?? [];
    buckets.set(hash, bucket);
    const known = bucket.find((entry) => entry.bits.every((bitsOfWord, at) => bitsOfWord === bits[at]));
    if (known !== undefined) return known.made;
    const made = make(bits);
    bucket.push({ bits, made });
    return made;
  };
}
