import { once } from 'node:events';
import { createServer } from 'node:net';
import { PortBusy } from './port-busy.ts';

/**
 * Resolves when nobody listens on the port, as a bind to it proves.
 * @throws PortBusy when the port is taken; the system's own error when the address or port may not be used at all.
 */
export async function assertPortFree(wanted: {
  address: string;
  port: number;
  /** Environment variable that moves the port. */
  variable: string;
  /** The part that wants the port, as it is called in the start-up lines. */
  owner: string;
}): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host: wanted.address, port: wanted.port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') throw new PortBusy(wanted);
    throw error;
  }
  server.close();
  await once(server, 'close');
}
