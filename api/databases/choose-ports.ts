import type { Problem } from '../../domain/spec/problems.ts';
import type { DatabaseSpec } from '../../domain/spec/types.ts';
import { type HeldPort, portsHeldByOthers } from '../../store/ports.ts';
import type { Caller } from '../caller.ts';
import type { ApiDeps } from '../deps.ts';
import { proposeCandidates } from './candidate-ports.ts';
import { holderText } from './holder-text.ts';
import { keepPorts, ownPortProblem, type PortsBefore } from './kept-ports.ts';
import { type ChosenPort, portPath, wishesOf } from './port-wishes.ts';
import { probePorts } from './probe-ports.ts';

/**
 * Finds a port for every instance: the one asked for, or a free pair of the control plane's range. Ports of other
 * databases are known; which ones other processes hold, the hosts are asked (R21). A host that does not answer is not
 * waited for.
 */
export async function choosePorts(
  deps: ApiDeps,
  input: { caller: Pick<Caller, 'scope'>; databaseId: string; spec: DatabaseSpec; before?: PortsBefore },
): Promise<{ chosen: ChosenPort[]; problems: Problem[] }> {
  const { kept, wishes } = keepPorts(wishesOf(input.spec), input.before);
  if (wishes.length === 0) return { chosen: kept, problems: [] };
  const fixed = wishes.flatMap((wish) => (wish.fixedPort === undefined ? [] : [{ ...wish, port: wish.fixedPort }]));
  const [held, candidates] = await Promise.all([
    portsHeldByOthers(deps.db, { databaseId: input.databaseId, claims: fixed }),
    proposeCandidates(deps, wishes),
  ]);
  const hostIds = [...new Set(wishes.map(({ hostId }) => hostId))];
  const busy = await probePorts(
    deps,
    hostIds.map((hostId) => {
      const named = fixed.flatMap((wish) => (wish.hostId === hostId ? wish.port : []));
      return { hostId, ports: [...named, ...(candidates.get(hostId) ?? [])] };
    }),
  );

  const chosen: ChosenPort[] = [...kept];
  const problems: Problem[] = fixed.flatMap((wish) => ownPortProblem(wish, input.before));
  for (const { fixedPort, ...wish } of wishes) {
    const { hostId } = wish;
    const blocked = busy.get(hostId) ?? new Set();
    const isFree = (port: number) => !blocked.has(port) && !blocked.has(port + 1);
    const port = fixedPort ?? takeFirst(candidates.get(hostId) ?? [], isFree);
    if (port === undefined) {
      const { first, last } = deps.portRange;
      const message = `no free pair of ports is left between ${first} and ${last} on host ${hostId}`;
      problems.push({ path: portPath(wish), message });
      continue;
    }
    const choice = { ...wish, port, fixed: fixedPort !== undefined };
    const heldProblems = heldPortProblem(input.caller, choice, held);
    problems.push(...heldProblems);
    if (heldProblems.length === 0 && !isFree(port)) {
      const which = blocked.has(port) ? port : port + 1;
      problems.push({ path: portPath(wish), message: `port ${which} on host ${hostId} is in use by another process` });
    }
    chosen.push(choice);
  }
  return { chosen, problems };
}

/** Why an instance cannot have its port, if another database has that one or the next. */
export function heldPortProblem(
  caller: Pick<Caller, 'scope'>,
  choice: ChosenPort,
  held: readonly HeldPort[],
): Problem[] {
  const { hostId, port } = choice;
  const holder = held.find((other) => other.hostId === hostId && (other.port === port || other.port === port + 1));
  if (holder === undefined) return [];
  const message = `port ${holder.port} on host ${hostId} is used by a service of ${holderText(caller, holder.heldBy)}`;
  return [{ path: portPath(choice), message }];
}

/** The first port that is free; it is taken out of the list. */
function takeFirst(ports: number[], isFree: (port: number) => boolean): number | undefined {
  const index = ports.findIndex(isFree);
  return index < 0 ? undefined : ports.splice(index, 1)[0];
}
