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

type Finding = 'taken' | 'free' | 'unknown';

/**
 * Services listen on the host's own addresses: what others have on other addresses of the machine is not in their way. Where the
 * address that services bind to is none of this machine's (behind NAT), anybody's port counts.
 */
async function isTaken(port: number, addresses: readonly string[]): Promise<boolean> {
  const found: Finding[] = [];
  for (const host of addresses) found.push(await tryToListen(host, port));
  if (found[0] === undefined || found[0] === 'unknown') {
    for (const wildcard of ['0.0.0.0', '::']) found.push(await tryToListen(wildcard, port));
  }
  return found.includes('taken');
}

/** Whoever listens on the wildcard is in the way of every address; listening there fails while anyone listens on any address. */
async function tryToListen(host: string, port: number): Promise<Finding> {
  const server = createServer();
  try {
    // `exclusive` asks the system itself, also in a cluster worker.
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // No IPv6, or an address that is not this machine's own: says nothing about the port.
    return code === 'EADDRINUSE' || code === 'EACCES' ? 'taken' : 'unknown';
  }
  server.close();
  await once(server, 'close');
  return 'free';
}
