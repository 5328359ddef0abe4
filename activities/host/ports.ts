import { once } from 'node:events';
import { createServer } from 'node:net';
import type { ServiceLaunch } from '../../platform/runtime/service-runtime.ts';
import type { HostContext } from './context.ts';

/**
 * Those of `ports` that cannot be listened on: another process does, or another instance of this host owns them even
 * while it is stopped. Ports that `exceptInstanceId` itself holds count as free.
 */
export async function busyPorts(
  context: HostContext,
  wanted: { ports: readonly number[]; exceptInstanceId?: string },
): Promise<number[]> {
  const records = await context.records.list();
  const own = records.find((record) => record.instanceId === wanted.exceptInstanceId);
  const others = new Set((await Promise.all(records.filter((record) => record !== own).map(owned))).flat());
  async function owned(record: ServiceLaunch): Promise<number[]> {
    // What an instance had before a change that is not final may be needed again.
    const change = await context.records.change(record.instanceId);
    const ports = [record.port, ...(change?.previous === undefined ? [] : [change.previous.port])];
    return ports.flatMap((port) => [port, port + 1]);
  }

  const held = own === undefined ? [] : await heldBy(context, own);
  const busy: number[] = [];
  for (const port of new Set(wanted.ports)) {
    if (others.has(port) || (!held.includes(port) && (await isTaken(port, context.addresses)))) busy.push(port);
  }
  return busy;
}

/** What the instance and its gateway listen on now. */
async function heldBy(context: HostContext, { instanceId, unit, port }: ServiceLaunch): Promise<number[]> {
  const state = await context.runtime.inspect(unit);
  const up = state !== undefined && (state.running || state.restarting);
  const gatewayPort = context.gateways.portOf(instanceId);
  return [...(up ? [port] : []), ...(gatewayPort === undefined ? [] : [gatewayPort])];
}

/** Binding to the wildcard fails while anyone listens on any address; the host's own addresses are tried as well. */
async function isTaken(port: number, addresses: readonly string[]): Promise<boolean> {
  for (const host of ['0.0.0.0', '::', ...addresses]) {
    const server = createServer();
    try {
      // `exclusive` asks the system itself, also in a cluster worker.
      server.listen({ host, port, exclusive: true });
      await once(server, 'listening');
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES'))
        return true;
      // No IPv6, or an address that is not this machine's own (behind NAT): says nothing about the port.
      continue;
    }
    server.close();
    await once(server, 'close');
  }
  return false;
}
