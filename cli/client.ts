import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from './credentials.ts';
import { CliError } from './errors.ts';

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  body?: unknown;
  /** Made up unless given, so that what is sent again is not done again. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/** The HTTP API. */
export interface Client {
  /** Sends a request, and parses the JSON that is answered. @throws CliError */
  call<T>(request: Request): Promise<T>;
  /** The same for answers of any size and type. @throws CliError */
  stream(request: Request): Promise<AsyncIterable<Uint8Array>>;
}

/** Longest answer of the API is after 25 s; what takes longer than this is not answered at all. */
const ANSWER_MS = 60_000;
/** How long a change that the server is still at is asked for again, under the same key. */
const RESUME_MS = 180_000;
const LONGEST_PAUSE_SECONDS = 10;

/** @param note told when a request is taken up again */
export function createClient(connection: Connection, note: (line: string) => void): Client {
  /** The same request, under the same key, until it is answered for good. */
  async function send(request: Request): Promise<Response> {
    const { method = 'GET' } = request;
    const key = request.idempotencyKey ?? randomUUID();
    const deadline = Date.now() + RESUME_MS;
    for (;;) {
      const response = await once(request, method === 'GET' ? undefined : key);
      if (response.ok) return response;
      const pause = Number(response.headers.get('retry-after') ?? '');
      const isBusy = response.status === 503 && method !== 'GET' && pause > 0;
      if (!isBusy || Date.now() > deadline) throw await refusal(response);
      await response.body?.cancel();
      note('the server is still at it; asking again');
      await delay(Math.min(pause, LONGEST_PAUSE_SECONDS) * 1000, undefined, { signal: request.signal });
    }
  }

  async function once(request: Request, key: string | undefined): Promise<Response> {
    const { method = 'GET', path, query = {}, body, signal } = request;
    const bound = AbortSignal.timeout(ANSWER_MS);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (connection.token !== undefined) headers.authorization = `Bearer ${connection.token}`;
    if (key !== undefined) headers['idempotency-key'] = key;
    if (body !== undefined) headers['content-type'] = 'application/json';
    try {
      return await fetch(`${connection.url}${path}${queryText(query)}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: signal === undefined ? bound : anySignal([signal, bound]),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw new CliError(`${connection.url} does not answer: ${reason(error)}; PGSTEWARD_URL says where the API is`, {
        unanswered: true,
      });
    }
  }

  async function refusal(response: Response): Promise<CliError> {
    const text = await response.text();
    const { message, error, name } = parsed(text) as { message?: unknown; error?: unknown; name?: unknown };
    const said = [message, error].find((part) => typeof part === 'string') ?? `HTTP ${response.status}`;
    const hint = response.status === 401 ? ` (${tokenHint(connection)})` : '';
    return new CliError(`${said}${hint}`, {
      answer: { status: response.status, ...(typeof name === 'string' ? { name } : {}) },
    });
  }

  return {
    async call<T>(request: Request) {
      const response = await send(request);
      const text = await response.text();
      const value = parsed(text);
      if (value === NOT_JSON) {
        throw new CliError(`${connection.url} is no pgsteward API: it answered ${request.path} with something else`);
      }
      return value as T;
    },
    async stream(request) {
      const response = await send(request);
      if (response.body === null) throw new CliError('the answer is empty');
      return response.body as unknown as AsyncIterable<Uint8Array>;
    },
  };
}

/** `AbortSignal.any` came with Node.js 20.3. */
const anySignal = (signals: AbortSignal[]): AbortSignal => AbortSignal.any(signals);

function tokenHint({ token, tokenSource }: Connection): string {
  return token === undefined
    ? `there is no token: set PGSTEWARD_TOKEN or PGSTEWARD_TOKEN_FILE; ${tokenSource} does not exist`
    : `the token is that of ${tokenSource}`;
}

function queryText(query: NonNullable<Request['query']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of [value].flat()) parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

const NOT_JSON = {};

function parsed(text: string): unknown {
  try {
    return (JSON.parse(text) as unknown) ?? {};
  } catch {
    return NOT_JSON;
  }
}

/** Node.js puts the reason why nothing answered into the cause, and of several addresses into a list. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`;
  const cause = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause;
  return cause instanceof Error ? cause.message : error.message;
}
