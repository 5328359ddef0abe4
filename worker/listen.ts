import { once } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import { Server as TlsServer } from 'node:tls';
import { createAdaptorServer } from '@hono/node-server';
import { assertPortFree } from '../platform/local/ports.ts';
import type { TlsPair } from './tls.ts';

/** A listener of the API. */
export interface Listener {
  url: string;
  /** Takes another certificate; undefined without TLS. */
  tls: TlsServer | undefined;
  /** Answers what it has begun to answer, within a bound, and takes no more. */
  stop(): Promise<void>;
}

/** Requests end within the synchronous bound of the API; after that their sockets are closed. */
const DRAIN_MS = 3_000;

/** Starts to listen. @throws PortBusy naming port and variable */
export async function listen(options: {
  address: string;
  port: number;
  /** What moves the port. */
  variable: string;
  owner: string;
  fetch: Parameters<typeof createAdaptorServer>[0]['fetch'];
  tls: TlsPair | undefined;
}): Promise<Listener> {
  const { address, port, variable, owner, fetch, tls } = options;
  await assertPortFree({ address, port, variable, owner });
  const server = createAdaptorServer({
    fetch,
    ...(tls === undefined ? {} : { createServer: createSecureServer, serverOptions: { ...tls } }),
  });
  server.listen({ host: address, port });
  await once(server, 'listening');
  const bound = server.address();
  // The port that was taken, when 0 asked for any.
  const boundPort = bound === null || typeof bound === 'string' ? port : bound.port;
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${boundPort}`,
    tls: server instanceof TlsServer ? server : undefined,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      const timer = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
