import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TargetAddress } from '../../../platform/target/target-server.ts';

/** A listener that speaks the first words of PostgreSQL's protocol, and notes everything that it hears. */
export interface FakeServer {
  address: TargetAddress;
  /** Everything that clients sent after their start-up packets. */
  heard(): string;
  stop(): Promise<void>;
}

/** `R` with a code, and what follows it. */
export function authenticationRequest(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.write('R');
  head.writeInt32BE(8 + rest.length, 1);
  head.writeInt32BE(code, 5);
  return Buffer.concat([head, rest]);
}

/** `AuthenticationOk` and `ReadyForQuery`: the client is in. */
export const WELCOME = Buffer.concat([authenticationRequest(0), Buffer.from([0x5a, 0, 0, 0, 5, 0x49])]);

/** Answers each start-up packet with `greeting`, and everything after that with a welcome. */
export async function startFakeServer(greeting: Buffer): Promise<FakeServer> {
  let heard = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(greeting);
      socket.on('data', (data) => {
        heard += data.toString('latin1');
        socket.write(WELCOME);
      });
    });
  });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener');
  return {
    address: {
      name: 'fake',
      endpoints: [{ address: '127.0.0.1', port: bound.port }],
      maintenanceDb: 'postgres',
      tls: { mode: 'disable' },
      adminUser: 'steward',
      adminPassword: 'canary-of-the-admin',
    },
    heard: () => heard,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
