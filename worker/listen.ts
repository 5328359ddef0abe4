import { once } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import { Server as TlsServer } from 'node:tls';
import { createAdaptorServer } from '@hono/node-server';
import type { Endpoint } from '../platform/config/config.ts';
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

/** What listens for whom. */
export interface ListenerOptions {
  /** What moves the port. */
  variable: string;
  owner: string;
  fetch: Parameters<typeof createAdaptorServer>[0]['fetch'];
  tls: TlsPair | undefined;
}

type ListenerAt = ListenerOptions & Readonly<Endpoint>;

/**
 * Starts a listener, and others where they are wanted. Where one cannot be started, none is left.
 * @throws PortBusy naming port and variable
 */
export async function listenAll<Name extends string>(
  main: ListenerAt,
  others: Readonly<Record<Name, ListenerOptions & { at: Readonly<Endpoint> | undefined }>>,
): Promise<{ main: Listener; others: Partial<Record<Name, Listener>>; all: readonly Listener[] }> {
  const all: Listener[] = [];
  const start = async (options: ListenerAt): Promise<Listener> => {
    const listener = await listen(options);
    all.push(listener);
    return listener;
  };
  try {
    const started = { main: await start(main), others: {} as Partial<Record<Name, Listener>>, all };
    for (const name of Object.keys(others) as Name[]) {
      const { at, ...options } = others[name];
      if (at !== undefined) started.others[name] = await start({ ...at, ...options });
    }
    return started;
  } catch (error) {
    await stopAll(all);
    throw error;
  }
}

/** Stops listeners side by side. */
export async function stopAll(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.stop()));
}

/** Starts to listen. @throws PortBusy naming port and variable */
export async function listen(options: ListenerAt): Promise<Listener> {
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
