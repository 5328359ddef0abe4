import { once } from 'node:events';
import { createServer } from 'node:net';

/** Whether a port of 127.0.0.1 can be bound right now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer().listen({ host: '127.0.0.1', port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
