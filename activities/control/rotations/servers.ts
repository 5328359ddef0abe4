import type { TargetServer } from '../../../platform/target/target-server.ts';
import type { RotationWork } from '../../../store/rotation-work.ts';
import type { ControlDeps } from '../deps.ts';

/**
 * Acts on each server that the password of a run is of, side by side: the database of the role may be on several. Every one has ended
 * before the first error counts, so that no step is still under way when its undo begins.
 * @returns what came of it, that of the rotation's own server first
 */
export async function onServersOf<T>(
  deps: Pick<ControlDeps, 'targets'>,
  work: Pick<RotationWork, 'servers'>,
  act: (server: TargetServer) => Promise<T>,
): Promise<[T, ...T[]]> {
  const results = await Promise.allSettled(work.servers.map(async (name) => act(await deps.targets.get(name))));
  const done = results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
  return done as [T, ...T[]];
}

/** Names what is kept of one server for a run. */
export function keptOf({ serverName }: Pick<RotationWork, 'serverName'>, what: string, server: TargetServer): string {
  return server.name === serverName ? what : `${what}/${server.name}`;
}
