import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** An answer as it came over the socket. */
export interface WireAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  body: any;
}

/** Sends one request of a client, on a connection of its own. */
export type Send = (
  method: string,
  path: string,
  more?: { key?: string; body?: string; headers?: Record<string, string> },
) => Promise<WireAnswer>;

/**
 * As the command line `cb` writes its requests: over TLS that it verifies, with a whole URL of scheme http in the request line, and
 * bodies without media type.
 */
export function likeCb(url: string, ca: string): Send {
  const { port, hostname } = new URL(url);
  return (method, path, { key, body, headers = {} } = {}) =>
    answerTo(
      httpsRequest({
        host: hostname,
        port,
        ca,
        servername: 'localhost',
        agent: false,
        method,
        path: `http://localhost${path}`,
        headers: {
          Host: 'localhost',
          'Accept-Encoding': 'gzip, deflate',
          'X-Parent-Request-Id': '0190163d-8694-739b-aea5-966c26f8ad91',
          ...authorization(key),
          ...lengthOf(body),
          ...headers,
        },
      }),
      body,
    );
}

/** As the Terraform provider writes its requests: over plain HTTP, with a path in the request line. */
export function likeTerraform(url: string): Send {
  const { port, hostname } = new URL(url);
  return (method, path, { key, body, headers = {} } = {}) =>
    answerTo(
      httpRequest({
        host: hostname,
        port,
        agent: false,
        method,
        path,
        headers: { 'User-Agent': 'Go-http-client/1.1', ...authorization(key), ...lengthOf(body), ...headers },
      }),
      body,
    );
}

function authorization(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { Authorization: `Bearer ${key}` };
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
}

async function answerTo(request: ReturnType<typeof httpRequest>, body: string | undefined): Promise<WireAnswer> {
  const responded = once(request, 'response');
  request.end(body);
  const [response] = (await responded) as [IncomingMessage];
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response) text += piece;
  const isJson = /^application\/json/.test(response.headers['content-type'] ?? '');
  return { status: response.statusCode ?? 0, headers: response.headers, text, body: isJson ? JSON.parse(text) : text };
}
