import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** One request of a probe; times are those of `performance.now()`. */
export interface ProbeRequest {
  method: 'GET' | 'POST';
  beganAt: number;
  endedAt: number;
  /** Absent when there was no answer. */
  status?: number;
  /** Such as `ECONNREFUSED`. */
  error?: string;
}

/** Requests at a steady pace, GET and POST in turn, until it is stopped. */
export interface Probe {
  /** Resolves when every request has ended. */
  stop(): Promise<ProbeRequest[]>;
}

/** Twenty requests a second. */
const INTERVAL_MS = 50;
const REQUEST_TIMEOUT_MS = 20_000;

/** Reads `/products` and inserts into `/notes`; each request on a connection of its own unless `keepAlive`. */
export function startProbe(port: number, { keepAlive = false }: { keepAlive?: boolean } = {}): Probe {
  const agent = new Agent({ keepAlive, maxSockets: keepAlive ? 1 : Number.POSITIVE_INFINITY });
  const requests: Promise<ProbeRequest>[] = [];
  let stopped = false;
  const running = (async () => {
    for (let n = 0; !stopped; n += 1) {
      requests.push(n % 2 === 0 ? ask(agent, port, 'GET', '/products') : ask(agent, port, 'POST', '/notes', { id: n }));
      await delay(INTERVAL_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
      const all = await Promise.all(requests);
      agent.destroy();
      return all;
    },
  };
}

/** The requests that were not answered with success. */
export function failuresOf(requests: readonly ProbeRequest[]): ProbeRequest[] {
  return requests.filter(({ status }) => status !== 200 && status !== 201);
}

/** Longest time in milliseconds from the end of one successful request to the end of the next. */
export function longestGap(requests: readonly ProbeRequest[]): number {
  const ends = requests
    .filter((sent) => failuresOf([sent]).length === 0)
    .map(({ endedAt }) => endedAt)
    .sort((one, other) => one - other);
  return Math.max(0, ...ends.slice(1).map((end, index) => end - (ends[index] ?? end)));
}

async function ask(
  agent: Agent,
  port: number,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<ProbeRequest> {
  const beganAt = performance.now();
  const headers = { 'content-type': 'application/json' };
  const outcome = await new Promise<{ status: number } | { error: string }>((resolve) => {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent, signal }, (response) => {
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message }));
      response.on('end', () => resolve({ status: response.statusCode ?? 0 }));
      response.resume();
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? error.message }));
    sent.end(body && JSON.stringify(body));
  });
  return { method, beganAt, endedAt: performance.now(), ...outcome };
}
