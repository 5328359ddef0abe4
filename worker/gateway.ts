import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AdminGateways } from '../activities/host/context.ts';
import { Failure } from '../domain/failures.ts';
import type { Log } from '../platform/log.ts';
import type { ServiceRuntime } from '../platform/runtime/service-runtime.ts';
import {
  checkLive,
  checkReady,
  type GatewayInstance,
  type Health,
  NotRunning,
  reload,
} from './gateway/instance-health.ts';
import { type Answer, type Routes, route } from './gateway/routes.ts';
import { shareNext } from './gateway/shared-reload.ts';

/** A probe sends a few hundred bytes at once. */
const RECEIVE_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;

/**
 * The admin side of every instance on this host, at its address and `port + 1`: `GET /live`, `GET /ready` and
 * `POST /notify-reload`. PostgREST itself has no such reload, and before 13.0 no admin listener that can be bound apart
 * from the API; so this process answers in its place. Its configuration and schema cache are never shown.
 */
export function createAdminGateways({ runtime, log }: { runtime: ServiceRuntime; log: Log }): AdminGateways {
  const open = new Map<string, Gateway>();

  async function close(instanceId: string): Promise<void> {
    const gateway = open.get(instanceId);
    open.delete(instanceId);
    if (gateway !== undefined) await closeServer(gateway.server);
  }

  return {
    async open({ instanceId, unit, address, port }) {
      const instance = { instanceId, unit, address, port };
      const known = open.get(instanceId);
      if (known?.served.instance.address === address && known.served.instance.port === port) {
        known.served.instance = instance;
        return;
      }
      const served = { instance };
      const server = createGatewayServer(routesOf(runtime, served), log.child({ instanceId }));
      await listen(server, instance);
      open.set(instanceId, { served, server });
      // Last: somebody answers at any time.
      if (known !== undefined) await closeServer(known.server);
    },
    close,
    portOf(instanceId) {
      const gateway = open.get(instanceId);
      return gateway && gateway.served.instance.port + 1;
    },
    async closeAll() {
      await Promise.all([...open.keys()].map(close));
    },
  };
}

interface Gateway {
  /** Its instance is exchanged when another unit takes over behind the same port. */
  served: { instance: GatewayInstance };
  server: Server;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function routesOf(runtime: ServiceRuntime, of: { readonly instance: GatewayInstance }): Routes {
  const reloadNext = shareNext(() => reload(runtime, of.instance));
  return {
    '/live': { methods: ['GET', 'HEAD'], handle: async () => health('live', await checkLive(runtime, of.instance)) },
    '/ready': { methods: ['GET', 'HEAD'], handle: async () => health('ready', await checkReady(of.instance)) },
    '/notify-reload': { methods: ['POST'], handle: () => reloadNext().then(reloaded, notReloaded) },
  };
}

function health(status: string, found: Health): Answer {
  return found.ok
    ? { status: 200, body: { status } }
    : { status: 503, body: { status: `not ${status}`, reason: found.reason } };
}

function reloaded(): Answer {
  return { status: 200, body: { status: 'reloaded' } };
}

function notReloaded(error: unknown): Answer {
  if (error instanceof NotRunning) return { status: 503, body: { error: error.message } };
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { status: 504, body: { error: 'PostgREST has not reloaded its schema cache in time; see its log' } };
  }
  throw error;
}

function createGatewayServer(routes: Routes, log: Log): Server {
  const limits = { requestTimeout: RECEIVE_TIMEOUT_MS, headersTimeout: RECEIVE_TIMEOUT_MS, maxHeaderSize: 8192 };
  const server = createServer(limits, (request, response) => {
    // Bodies mean nothing here: what has arrived is dropped, and closing the connection ends what has not.
    request.resume();
    route(routes, request)
      .catch((error: unknown): Answer => {
        log.error({ err: error }, 'an admin request failed');
        return {
          status: 503,
          body: { error: 'the state of the service is not known; see the log of the host worker' },
        };
      })
      .then(({ status, body, headers }) => {
        const text = JSON.stringify(body);
        response.writeHead(status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
          'cache-control': 'no-store',
          connection: 'close',
          ...headers,
        });
        response.end(text);
      })
      .catch((error: unknown) => log.error({ err: error }, 'an admin answer could not be sent'));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function listen(server: Server, { instanceId, address, port }: GatewayInstance): Promise<void> {
  try {
    server.listen({ host: address, port: port + 1, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    throw new Failure(
      'PortInUse',
      `port ${port + 1}, which the admin gateway of ${instanceId} needs, is in use by another process on ${address}`,
      { details: { instanceId, address, port: port + 1 }, cause: error },
    );
  }
}
