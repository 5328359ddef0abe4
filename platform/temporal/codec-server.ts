import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import { z } from 'zod';
import { Failure } from '../../domain/failures.ts';

/** Options of {@link createCodecServer}. */
export interface CodecServerOptions {
  /** Codec of a namespace; undefined for a namespace that this server does not decode. */
  codecFor: (namespace: string) => PayloadCodec | undefined;
  /** Origins of the Temporal UI, such as `http://127.0.0.1:8233`. Pages of any other origin are refused. */
  uiOrigins: readonly string[];
  /** Lets callers without an Origin in, such as the Temporal CLI; without it they are refused. */
  bearerToken?: string;
  /** Address to listen on. What is served here is plaintext, so it is a loopback address. */
  address: string;
  /** 0 takes any free port. */
  port: number;
}

/** A codec server that does not listen yet. */
export interface CodecServer {
  /** @throws Failure PortInUse */
  listen(): Promise<{ address: string; port: number }>;
  /** Ends open connections too. Does nothing when it does not listen. */
  close(): Promise<void>;
}

/**
 * Decodes payloads for the Temporal UI (`POST /decode`). There is no `/encode`: nobody can make payloads here. Neither
 * requests nor answers are logged.
 */
export function createCodecServer(options: CodecServerOptions): CodecServer {
  const server = createAdaptorServer({ fetch: codecApp(options).fetch });
  return {
    async listen() {
      server.listen(options.port, options.address);
      try {
        await once(server, 'listening');
      } catch (err) {
        throw listenFailure(err, options.port);
      }
      return { address: options.address, port: boundPort(server.address()) };
    },
    async close() {
      if (!server.listening) {
        return;
      }
      const closed = once(server, 'close');
      server.close();
      if ('closeAllConnections' in server) {
        server.closeAllConnections();
      }
      await closed;
    },
  };
}

/** One page of a history in the UI; Temporal itself limits a gRPC message to 4 MB, which base64 makes 5.4 MB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

const base64Schema = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const requestSchema = z.object({
  payloads: z.array(
    z.object({
      metadata: z.record(z.string(), base64Schema).nullable().default(null),
      data: base64Schema.nullable().default(null),
    }),
  ),
});

function codecApp({ codecFor, uiOrigins, bearerToken }: CodecServerOptions): Hono {
  const app = new Hono();
  app.use(requireKnownCaller(uiOrigins, bearerToken));
  app.use(
    cors({
      origin: [...uiOrigins],
      allowMethods: ['POST'],
      allowHeaders: ['x-namespace', 'content-type', 'authorization'],
      credentials: true,
    }),
  );
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (context) => context.json({ message: 'too large' }, 413) }));
  app.post('/decode', async (context) => {
    const codec = codecFor(context.req.header('x-namespace') ?? '');
    if (codec === undefined) {
      return context.json({ message: 'the header X-Namespace must name a namespace that is served here' }, 400);
    }
    const request = requestSchema.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) {
      return context.json({ message: 'the body must be {"payloads": [{"metadata": {}, "data": "<base64>"}]}' }, 400);
    }
    const payloads = await codec.decode(request.data.payloads);
    return context.json({ payloads: payloads.map(toJson) });
  });
  app.onError((err, context) =>
    err instanceof Failure
      ? context.json({ message: err.message }, 400)
      : context.json({ message: 'the payloads cannot be decoded' }, 500),
  );
  return app;
}

/** A page of another origin gets 403 without any CORS header, so that it learns nothing, before anything is read. */
function requireKnownCaller(uiOrigins: readonly string[], bearerToken: string | undefined) {
  return createMiddleware(async (context, next) => {
    const origin = context.req.header('origin');
    const known =
      origin === undefined
        ? bearerToken !== undefined && equalText(context.req.header('authorization') ?? '', `Bearer ${bearerToken}`)
        : uiOrigins.includes(origin);
    if (!known) {
      return context.json({ message: 'only the Temporal UI of this installation may decode payloads' }, 403);
    }
    return next();
  });
}

function equalText(actual: string, expected: string): boolean {
  const [a, b] = [Buffer.from(actual), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function toJson(payload: Payload): { metadata: Record<string, string>; data: string } {
  const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return { metadata: Object.fromEntries(metadata), data: base64(payload.data) };
}

function base64(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString('base64');
}

function listenFailure(err: unknown, port: number): unknown {
  return err instanceof Error && 'code' in err && err.code === 'EADDRINUSE'
    ? new Failure('PortInUse', `port ${port} is in use; set PGSTEWARD_CODEC_PORT to another one`, { details: { port } })
    : err;
}

function boundPort(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
