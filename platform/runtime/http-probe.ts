import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** Longest part of an answer's body that is kept: error documents of PostgREST are far shorter. */
const BODY_MAX_BYTES = 4096;

/** One HTTP answer, or why there was none. */
export type ProbeResult = { status: number; body: string } | { status: undefined; reason: string };

/**
 * One request without body on a connection of its own, so that a server that accepts but never answers is noticed.
 * Never throws: no answer within `timeoutMs` is a result too.
 */
export async function probeHttp(target: {
  address: string;
  port: number;
  method: 'GET' | 'HEAD' | 'OPTIONS';
  path: string;
  headers?: Record<string, string>;
  timeoutMs: number;
  /** Ends the wait early. */
  signal?: AbortSignal;
}): Promise<ProbeResult> {
  const { address, timeoutMs, signal: early, ...rest } = target;
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(early === undefined ? [] : [early])]);
  try {
    const sent = request({ ...rest, host: connectable(address), agent: false, signal });
    // An abort after the response has begun is reported here as well as to its reader.
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response', { signal })) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await beginning(response) };
  } catch (error) {
    if (signal.aborted) return { status: undefined, reason: `no HTTP answer within ${timeoutMs} ms` };
    return { status: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function beginning(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    // Leaving the loop destroys the response and with it the connection.
    if (length >= BODY_MAX_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, BODY_MAX_BYTES).toString('utf8');
}

/** Wildcards can be listened on, but not every system connects to them. */
function connectable(address: string): string {
  const wildcards: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return wildcards[address] ?? address;
}
