import type { TargetServer } from '../../platform/target/target-server.ts';
import type { Work } from '../../store/work.ts';
import type { ControlDeps } from './deps.ts';

/**
 * Runs `work` on the server of each node, side by side. Every one has ended before the first error counts, so that no
 * step is still under way when its undo begins.
 */
export async function onEveryServer(
  deps: ControlDeps,
  work: Work,
  act: (server: TargetServer) => Promise<void>,
): Promise<void> {
  const names = [...new Set(work.nodes.map((node) => node.serverName))];
  const results = await Promise.allSettled(names.map(async (name) => act(await deps.targets.get(name))));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
