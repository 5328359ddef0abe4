import { createTargetServer, type TargetAddress, type TargetServer } from './target-server.ts';

/** The registered servers, by name, with their connections; one per process. */
export interface TargetRegistry {
  get(name: string): Promise<TargetServer>;
  close(): Promise<void>;
}

/**
 * @param load reads a server's address and credentials; its `revision` tells when the kept connections are out of date
 */
export function createTargetRegistry(options: {
  load: (name: string) => Promise<{ address: TargetAddress; revision: string }>;
}): TargetRegistry {
  const servers = new Map<string, { revision: string; server: TargetServer }>();
  return {
    async get(name) {
      const { address, revision } = await options.load(name);
      const known = servers.get(name);
      if (known?.revision === revision) return known.server;
      const server = createTargetServer(address);
      servers.set(name, { revision, server });
      await known?.server.close();
      return server;
    },
    async close() {
      const open = [...servers.values()];
      servers.clear();
      await Promise.all(open.map(({ server }) => server.close()));
    },
  };
}
