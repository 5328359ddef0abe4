import { proxyActivities } from '@temporalio/workflow';
import type { GroupWork } from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { hostTaskQueue } from '../domain/identifiers.ts';
import { POLICIES } from './policies.ts';
import { control, locally } from './proxies.ts';
import { settleAll } from './settle-all.ts';

/** What cannot be done now is done in the next round: it stays on record. */
const BUDGET_MS = 20_000;
/** A live host worker takes a task at once. */
const HOST_TAKES_WITHIN_MS = 5_000;
/** Time for a service to answer, and for its restart where it does not. */
const HOST_ANSWERS_WITHIN_MS = 15_000;

/**
 * One look for promoted standbys, run by a schedule. Services find a new primary without us, by the addresses in their URI; after a
 * promotion they are told to drop the connections that lead elsewhere, and a former primary that comes back is fenced (R20).
 */
export async function watchPrimaries(): Promise<{ servers: string[] }> {
  const { work } = await locally('look for promoted standbys').lookAtPrimaries({});
  await settleAll(work.map(follow));
  return { servers: work.map(({ serverName }) => serverName) };
}

async function follow(group: GroupWork): Promise<void> {
  const { serverName, timeline, former } = group;
  for (const endpoint of group.fence) {
    await attempt(() => onControl(`fence ${endpoint.address}`).fenceFormer({ serverName, endpoint, timeline }));
  }
  // First the pools of the services, then what is left of their connections.
  await settleAll(group.services.map((host) => attempt(() => tell(group, host))));
  if (former !== undefined) {
    const summary = `end sessions on ${former.address}`;
    await attempt(() => onControl(summary).leaveFormer({ serverName, endpoint: former, timeline }));
  }
}

async function tell(
  { serverName, timeline }: GroupWork,
  { hostId, instanceIds }: GroupWork['services'][number],
): Promise<void> {
  const host = proxyActivities<HostActivities>({
    ...POLICIES.host,
    taskQueue: hostTaskQueue(hostId),
    scheduleToStartTimeout: HOST_TAKES_WITHIN_MS,
    startToCloseTimeout: HOST_ANSWERS_WITHIN_MS,
    retry: { maximumAttempts: 1 },
    summary: `tell services on ${hostId}`,
  });
  await host.nudgeServices({ instanceIds });
  await onControl(`${hostId} is told`).noteHostTold({ serverName, hostId, timeline });
}

function onControl(summary: string): ReturnType<typeof control> {
  return control('sql', { summary, budgetMs: BUDGET_MS });
}

/** A host or server that does not answer keeps nobody else waiting. The reason is in the run's history. */
async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch {
    // The next round tries again.
  }
}
