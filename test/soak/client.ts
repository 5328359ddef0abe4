import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Journal } from './journal.ts';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
  body: any;
}

/** A client of several API processes as a careful one is written: with a key for each change, and patience. */
export interface Client {
  /** Asks until there is an answer. A change gets a key, so that asking again is safe. */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** The API waits 25 s itself where it waits. */
const REQUEST_BOUND_MS = 45_000;
/** Less than the ten minutes for which a key is remembered; more than any outage of a run. */
const PATIENCE_MS = 300_000;
const PAUSE_MS = 300;
/** The same request may succeed later. */
const PASSING = new Set([429, 502, 503, 504]);

export function createClient(options: {
  urls: readonly string[];
  token: () => string;
  journal: Journal;
  signal: AbortSignal;
}): Client {
  const { urls, token, journal, signal } = options;
  let turn = 0;

  async function once(method: string, path: string, body: unknown, key: string | undefined): Promise<Answer> {
    turn += 1;
    const response = await fetch(`${urls[turn % urls.length]}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token()}`,
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_BOUND_MS)]),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  return {
    async call(method, path, body) {
      const key = method === 'GET' ? undefined : randomUUID();
      const deadline = Date.now() + PATIENCE_MS;
      for (;;) {
        const answer = await once(method, path, body, key).catch((error: unknown) => {
          signal.throwIfAborted();
          return { status: 0, body: describe(error) };
        });
        if (answer.status === 500) {
          journal.violation(`500 to ${method} ${pattern(path)}: ${JSON.stringify(answer.body)}`);
        } else if (answer.status !== 0 && !PASSING.has(answer.status)) return answer;
        if (Date.now() > deadline) {
          journal.violation(`no answer to ${method} ${pattern(path)} within ${PATIENCE_MS / 1000} s`);
          throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        }
        journal.retries += 1;
        await delay(PAUSE_MS, undefined, { signal });
      }
    },
  };
}

/** A path without its ids, so that equal complaints are counted together. */
function pattern(path: string): string {
  return path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}').replace(/soak-\d+/g, '{database}');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
