import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../../support/follow.ts';

/** A message that arrived. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Milliseconds of a clock that only goes forward. */
  at: number;
}

/** How a request is answered; `hang`: never. */
export type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang';

/** An HTTP server that plays the incoming webhooks of Slack or Webex, one path per channel. */
export interface Webhook {
  /** URL of a webhook whose last part is secret. */
  url(path: string): string;
  /** Answers of a path, one after the other; afterwards 200. */
  answer(path: string, ...answers: Answer[]): void;
  received(path: string): Received[];
  /** Everything that arrived, wherever. */
  all: readonly Received[];
  /** Waits for that many messages of a path. */
  arrived(path: string, count: number): Promise<Received[]>;
  stop(): Promise<void>;
}

/** Bound for a hang; a slow machine takes a while for a hundred messages. */
const BOUND_MS = 90_000;

export async function startWebhook(): Promise<Webhook> {
  const planned = new Map<string, Answer[]>();
  const all: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    all.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString('utf8'), at: performance.now() });
    const answer = planned.get(path)?.shift() ?? { status: 200, body: 'ok' };
    if (answer !== 'hang') response.writeHead(answer.status, answer.headers ?? {}).end(answer.body ?? '');
  });
  const port = await listening(server);
  const received = (path: string) => all.filter((message) => message.path === path);
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    answer: (path, ...answers) => void planned.set(path, answers),
    received,
    all,
    arrived: (path, count) =>
      until(async () => (received(path).length >= count ? received(path) : undefined), BOUND_MS),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
