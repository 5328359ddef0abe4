import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A request of the probe that did not succeed. */
export interface ProbeFailure {
  /** Milliseconds since the probe began. */
  atMs: number;
  method: 'GET' | 'POST';
  /** Error code such as ECONNREFUSED, or the status. */
  reason: string;
}

/** What an uninterrupted probe saw. */
export interface ProbeReport {
  requests: number;
  failures: ProbeFailure[];
  /** Times without success that have failures in them. */
  gaps: number;
  /** The longest of them, from the last success before to the first one after; 0 without any. */
  longestGapMs: number;
}

/** 20 requests a second, as the contract's users are promised. */
const PERIOD_MS = 50;
const ANSWER_WITHIN_MS = 5_000;

/**
 * Sends GET and POST in turn at 20 requests a second, each on a connection of its own and none waiting for another, until it is
 * stopped. `table` has a column `id`.
 */
export function startProbe(target: { port: number; table: string; token: string }): { stop(): Promise<ProbeReport> } {
  const stopping = new AbortController();
  const startedAt = performance.now();
  const failures: ProbeFailure[] = [];
  const successes: number[] = [];
  const underWay = new Set<Promise<void>>();
  let requests = 0;

  async function attempt(method: 'GET' | 'POST'): Promise<void> {
    const atMs = performance.now() - startedAt;
    const reason = await send(target, method);
    if (reason === undefined) successes.push(performance.now() - startedAt);
    else failures.push({ atMs: Math.round(atMs), method, reason });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const sent = attempt(requests % 2 === 0 ? 'GET' : 'POST').finally(() => underWay.delete(sent));
      underWay.add(sent);
      requests += 1;
      await delay(PERIOD_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await Promise.all(underWay);
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
      return { requests, failures, ...gapsOf(successes, failures) };
    },
  };
}

async function send(
  { port, table, token }: { port: number; table: string; token: string },
  method: 'GET' | 'POST',
): Promise<string | undefined> {
  const body = method === 'POST' ? JSON.stringify({ id: 1 }) : '';
  const sent = request({
    host: '127.0.0.1',
    port,
    method,
    path: `/${table}?limit=1`,
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      ...(method === 'POST' ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
    },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  try {
    sent.end(body);
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode < 300 ? undefined : `status ${response.statusCode}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

function gapsOf(
  successes: readonly number[],
  failures: readonly ProbeFailure[],
): Pick<ProbeReport, 'gaps' | 'longestGapMs'> {
  const times = successes.toSorted((a, b) => a - b);
  const between = times.slice(1).map((time, index) => ({ from: times[index] ?? 0, to: time }));
  const broken = between.filter(({ from, to }) => failures.some(({ atMs }) => atMs >= from && atMs <= to));
  return { gaps: broken.length, longestGapMs: Math.round(Math.max(0, ...broken.map(({ from, to }) => to - from))) };
}
