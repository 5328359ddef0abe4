import { hostname, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

type History = Parameters<typeof historyToJSON>[0];

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Sealed to keys that ended with the recording; left out, because nobody could tell them from live ones. */
const SEALED = /"(sealedBundle|sealedOrder|proof)":"[^"]*"/g;

/**
 * A history as it can stand in the repository: payloads decrypted, so that a review sees what changed, and neither the
 * machine that recorded it nor anything sealed in it. Replay does not compare what is changed here.
 */
export async function publishable(history: History, codec: PayloadCodec, home: string): Promise<unknown> {
  const names: [string, string][] = [
    [ROOT, '/pgsteward'],
    [home, '/state'],
    [tmpdir(), '/temporary'],
    [hostname(), 'recorder'],
  ];
  const clean = (text: string): string => names.reduce((cleaned, [name, by]) => cleaned.replaceAll(name, by), text);

  async function walk(part: unknown): Promise<unknown> {
    if (typeof part === 'string') return clean(part);
    if (typeof part !== 'object' || part === null) return part;
    if (Array.isArray(part)) return Promise.all(part.map(walk));
    if (isPayload(part)) return toJson(readable(await only(codec.decode([fromJson(part)]))));
    const members = await Promise.all(Object.entries(part).map(async ([name, member]) => [name, await walk(member)]));
    return Object.fromEntries(members);
  }

  function readable(payload: Payload): Payload {
    const text = clean(Buffer.from(payload.data ?? []).toString('utf8'));
    return { ...payload, data: Buffer.from(text.replace(SEALED, '"$1":"(sealed)"')) };
  }

  return walk(JSON.parse(historyToJSON(history)));
}

interface JsonPayload {
  metadata: Record<string, string>;
  data?: string;
}

function isPayload(part: object): part is JsonPayload {
  return (
    'metadata' in part && typeof part.metadata === 'object' && part.metadata !== null && 'encoding' in part.metadata
  );
}

function fromJson({ metadata, data = '' }: JsonPayload): Payload {
  const bytes = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(bytes), data: Buffer.from(data, 'base64') };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const texts = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return { metadata: Object.fromEntries(texts), data: Buffer.from(data ?? []).toString('base64') };
}

async function only(payloads: Promise<Payload[]>): Promise<Payload> {
  const [payload = {}] = await payloads;
  return payload;
}
