import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One head of the chain that was kept outside of the database. */
export interface Anchor {
  seq: number;
  /** Hexadecimal. */
  mac: string;
}

/** Anchors of one or more files. */
export interface Anchors {
  count: number;
  /** Lines that are none: a crash may have cut one short. */
  unreadable: number;
  /** The one with the greatest number, and when it was sealed. */
  newest: (Anchor & { sealedAt: string }) | undefined;
  /** In the order of their numbers. */
  inOrder(): Generator<Anchor>;
}

const MAC_BYTES = 32;
const RECORD_BYTES = 8 + MAC_BYTES;
const MAC_TEXT = /^[0-9a-f]{64}$/;

/** Reads files of anchors: 40 bytes are kept of each line, so that years of them fit. */
export async function readAnchors(files: readonly string[]): Promise<Anchors> {
  let records = Buffer.alloc(RECORD_BYTES * 1024);
  let count = 0;
  let unreadable = 0;
  let newest: Anchors['newest'];
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
      if (line.trim() === '') continue;
      const anchor = parse(line);
      if (anchor === undefined) {
        unreadable += 1;
        continue;
      }
      if (records.length < (count + 1) * RECORD_BYTES) records = Buffer.concat([records, Buffer.alloc(records.length)]);
      records.writeDoubleBE(anchor.seq, count * RECORD_BYTES);
      records.write(anchor.mac, count * RECORD_BYTES + 8, 'hex');
      count += 1;
      if (newest === undefined || anchor.seq >= newest.seq) newest = anchor;
    }
  }
  const seqOf = (index: number) => records.readDoubleBE(index * RECORD_BYTES);
  const macOf = (index: number) => records.toString('hex', index * RECORD_BYTES + 8, (index + 1) * RECORD_BYTES);
  return {
    count,
    unreadable,
    newest,
    *inOrder() {
      const order = Uint32Array.from({ length: count }, (_, index) => index).sort((a, b) => seqOf(a) - seqOf(b));
      for (const index of order) yield { seq: seqOf(index), mac: macOf(index) };
    },
  };
}

function parse(line: string): (Anchor & { sealedAt: string }) | undefined {
  try {
    const { seq, mac, sealed_at: sealedAt } = JSON.parse(line) as Record<string, unknown>;
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return undefined;
    if (typeof mac !== 'string' || !MAC_TEXT.test(mac) || typeof sealedAt !== 'string') return undefined;
    return { seq, mac, sealedAt };
  } catch {
    return undefined;
  }
}
