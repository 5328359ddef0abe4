import { cancellationSignal } from '@temporalio/activity';
import { type GroupVerdict, judgeGroup, type WritableEndpoint } from '../../../domain/replication/judge.ts';
import {
  instancesOfServer,
  listWatchedServers,
  recordPrimary,
  recordProblem,
  type WatchedServer,
} from '../../../store/failover.ts';
import type { ControlDeps } from '../deps.ts';
import type { GroupWork } from '../types.ts';

/**
 * Looks at every server with several endpoints, and remembers where its primary is. What follows from a change stays on record
 * until it is done, so that a look that was cut short loses nothing.
 */
export async function lookAtPrimaries(deps: ControlDeps): Promise<{ work: GroupWork[] }> {
  const watched = await listWatchedServers(deps.db);
  const found = await Promise.all(watched.map((server) => lookUnlessBroken(deps, server)));
  return { work: found.flatMap((work) => work ?? []) };
}

/** One server that cannot be looked at, such as one whose password cannot be opened, hides no promotion of another. */
async function lookUnlessBroken(deps: ControlDeps, watched: WatchedServer): Promise<GroupWork | undefined> {
  try {
    return await lookAtGroup(deps, watched);
  } catch (error) {
    cancellationSignal().throwIfAborted();
    deps.log.error({ err: error, server: watched.name }, 'the primary of a server cannot be watched');
    return undefined;
  }
}

async function lookAtGroup(deps: ControlDeps, watched: WatchedServer): Promise<GroupWork | undefined> {
  const { name } = watched;
  const writable = await writableEndpoints(deps, name);
  const verdict = judgeGroup(name, watched.seen ?? undefined, writable);
  await remember(deps, watched, verdict);
  const fence = verdict.kind === 'problem' ? verdict.fence.map(({ endpoint }) => endpoint) : [];
  const promoted = verdict.kind === 'promoted';
  const former = promoted ? verdict.former : watched.former;
  const timeline = promoted ? verdict.primary.timeline : (watched.seen?.timeline ?? 0);
  if (!promoted && fence.length === 0 && former === null && watched.pendingHosts.length === 0) return undefined;
  const services = await instancesOfServer(deps.db, name);
  return {
    serverName: name,
    timeline,
    ...(former === null ? {} : { former }),
    services: promoted ? services : services.filter(({ hostId }) => watched.pendingHosts.includes(hostId)),
    fence,
  };
}

async function writableEndpoints(deps: ControlDeps, name: string): Promise<WritableEndpoint[]> {
  const server = await deps.targets.get(name);
  const answers = await server.askEndpoints({
    applicationName: 'pgsteward:failover',
    doing: `looking for the primary of server ${name}`,
    signal: cancellationSignal(),
  });
  return answers.flatMap(({ endpoint, state, systemIdentifier, replication }) => {
    const ours = systemIdentifier === server.address.systemIdentifier;
    // Without a timeline nothing can be judged: managed services move their primary behind one address.
    if (state !== 'primary' || !ours || replication === undefined) return [];
    return [{ endpoint, timeline: replication.timeline }];
  });
}

async function remember(deps: ControlDeps, watched: WatchedServer, verdict: GroupVerdict): Promise<void> {
  const { name: serverName } = watched;
  switch (verdict.kind) {
    case 'steady':
      if (watched.problem !== null) await recordProblem(deps.db, { serverName, problem: null });
      return;
    case 'noted':
      return recordPrimary(deps.db, { serverName, primary: verdict.primary });
    case 'promoted':
      deps.log.warn({ server: serverName, ...verdict }, 'a standby was promoted');
      return recordPrimary(deps.db, { serverName, primary: verdict.primary, former: verdict.former });
    case 'problem':
      if (watched.problem === verdict.problem) return;
      deps.log.error({ server: serverName, fence: verdict.fence }, verdict.problem);
      return recordProblem(deps.db, { serverName, problem: verdict.problem });
  }
}
