import { Agent, request } from 'node:http';
import { serve } from './helper.ts';

/** Calls of an HTTP API by several callers, each of which makes the next call when its last one was answered. */
export interface LoadRequest {
  baseUrl: string;
  headers: Record<string, string>;
  callers: number;
  calls: readonly Call[];
}

export interface Call {
  method: 'GET' | 'PUT';
  path: string;
  body?: unknown;
}

export interface LoadAnswer {
  /** Of the whole, in milliseconds. */
  ms: number;
  /** Of each call, in milliseconds. */
  latencies: number[];
  /** What calls that failed were answered. */
  failures: string[];
}

serve<LoadRequest, LoadAnswer>(async ({ baseUrl, headers, callers, calls }) => {
  // Connections are kept where the server keeps them.
  const agent = new Agent({ keepAlive: true });
  const latencies: number[] = [];
  const failures: string[] = [];
  const queue = calls.values();
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const call of queue) {
        const calledAt = performance.now();
        const failure = await perform(new URL(call.path, baseUrl), { agent, headers, call });
        latencies.push(performance.now() - calledAt);
        if (failure !== undefined) failures.push(failure);
      }
    }),
  );
  const ms = performance.now() - startedAt;
  agent.destroy();
  return { ms, latencies, failures };
});

/** @returns undefined where the call succeeded */
function perform(
  url: URL,
  { agent, headers, call }: { agent: Agent; headers: Record<string, string>; call: Call },
): Promise<string | undefined> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const sent = body === undefined ? headers : { ...headers, 'content-type': 'application/json' };
  return new Promise((resolve) => {
    const outgoing = request(url, { method: call.method, agent, headers: sent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('error', (error) => resolve(error.message));
      response.on('end', () =>
        resolve(response.statusCode === 200 ? undefined : `${response.statusCode}: ${text.slice(0, 200)}`),
      );
    });
    outgoing.on('error', (error) => resolve(error.message));
    outgoing.end(body);
  });
}
