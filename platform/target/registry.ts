import type { BudgetUse } from './connection-budget.ts';
import { createTargetBudget, type TargetBudget } from './connector.ts';
import { createTargetServer, type TargetAddress, type TargetServer } from './target-server.ts';
import { createTopologyLook, type ServerTopology } from './topology.ts';

/** The registered servers, by name, with their connections; one per process. */
export interface TargetRegistry {
  get(name: string): Promise<TargetServer>;
  /** A server at an address that is not registered, or not yet; the caller closes it. Counts as the server of its name. */
  candidate(address: TargetAddress): TargetServer;
  /** What the endpoints of a server say of themselves, at most 2 s old; undefined where that cannot be known in time. */
  topology(name: string): Promise<ServerTopology | undefined>;
  /** How much of what this process may open to each server is in use, by name; servers that it never spoke to are not among them. */
  usage(): ReadonlyMap<string, BudgetUse>;
  close(): Promise<void>;
}

/**
 * @param load reads a server's address and credentials; its `revision` tells when the kept connections are out of date
 */
export function createTargetRegistry(options: {
  load: (name: string) => Promise<{ address: TargetAddress; revision: string }>;
}): TargetRegistry {
  const servers = new Map<string, { revision: string; server: TargetServer }>();
  // Work on an address that has been replaced goes on for a while, beside work on the new one.
  const budgets = new Map<string, TargetBudget>();

  function budgetOf(name: string): TargetBudget {
    const budget = budgets.get(name) ?? createTargetBudget();
    budgets.set(name, budget);
    return budget;
  }

  async function get(name: string): Promise<TargetServer> {
    const { address, revision } = await options.load(name);
    const known = servers.get(name);
    if (known?.revision === revision) return known.server;
    const server = createTargetServer(address, budgetOf(name));
    servers.set(name, { revision, server });
    await known?.server.close();
    return server;
  }

  return {
    get,
    topology: createTopologyLook(get),
    candidate: (address) => createTargetServer(address, budgetOf(address.name)),
    usage: () => new Map([...budgets].map(([name, budget]) => [name, budget.usage()])),
    async close() {
      const open = [...servers.values()];
      servers.clear();
      await Promise.all(open.map(({ server }) => server.close()));
    },
  };
}
