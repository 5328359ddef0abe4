import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { HostActivities } from '../domain/host-activities.ts';
import { hostTaskQueue } from '../domain/identifiers.ts';
import type { HostClaim, HostJoinConfirmation, HostJoinRequest, HostJoinResult } from '../domain/join.ts';
import type { HostCheck } from '../domain/services.ts';
import { isHostUnavailable } from './failure-reason.ts';
import { POLICIES } from './policies.ts';
import { control } from './proxies.ts';

/** A live worker answers in milliseconds; one that is busy starting containers has free slots left for this. */
const ANSWER_WITHIN_MS = 3_000;
const BOOKKEEPING = { budgetMs: 60_000 };

/** A host worker's first word: it learns which installation it belongs to, so that its services carry that id (R15). */
export async function greetHost(input: HostClaim): Promise<{ installationId: string }> {
  const check = control('bookkeeping', { summary: `greet ${input.hostId}`, ...BOOKKEEPING });
  const { installationId } = await check.checkClaim(input);
  return { installationId };
}

/**
 * Admits a host worker. One run at a time per host id (the workflow id names the host), so two workers cannot be admitted
 * side by side; a worker that still answers under the same id is not replaced (R12).
 */
export async function joinHost(input: HostJoinRequest): Promise<HostJoinResult> {
  const check = control('bookkeeping', { summary: `check the join of ${input.hostId}`, ...BOOKKEEPING });
  const { previousWorkerId } = await check.checkClaim(input);
  if (previousWorkerId !== null && previousWorkerId !== input.workerId) {
    const answer = await askHost(input.hostId);
    if (answer?.facts !== undefined && answer.facts.workerId !== input.workerId) {
      throw ApplicationFailure.create({
        type: 'JoinRefused',
        nonRetryable: true,
        message: `host id ${input.hostId} is served by another live worker; stop that one, or start this one with another PGSTEWARD_HOST_ID`,
      });
    }
  }
  return control('bookkeeping', { summary: `admit ${input.hostId}`, ...BOOKKEEPING }).acceptJoin(input);
}

/** A joined worker has put its host in order and is about to take work. */
export async function confirmJoin(input: HostJoinConfirmation): Promise<HostJoinResult> {
  return control('bookkeeping', { summary: `${input.hostId} is in order`, ...BOOKKEEPING }).confirmJoin(input);
}

/** A host worker ends in order: its id is free at once. */
export async function leaveHost(input: { hostId: string; workerId: string }): Promise<void> {
  await control('bookkeeping', { summary: `${input.hostId} leaves`, ...BOOKKEEPING }).recordLeave(input);
}

/** Asks every host, side by side, whether it is there and what runs on it. */
export async function checkHosts(input: { hostIds?: string[] }): Promise<{ hosts: HostCheck[] }> {
  const hostIds =
    input.hostIds ?? (await control('bookkeeping', { summary: 'list hosts', ...BOOKKEEPING }).listHostIds({})).hostIds;
  return { hosts: await Promise.all(hostIds.map(askHost)) };
}

/** Which of the wanted ports other processes hold, per host; a host that does not answer is left out. */
export async function probeHostPorts(input: {
  hosts: { hostId: string; ports: number[] }[];
}): Promise<{ hosts: { hostId: string; busy: number[] }[] }> {
  const answers = await Promise.all(
    input.hosts.map(async ({ hostId, ports }) => {
      try {
        const { busy } = await quickly(hostId, 'probe ports').probePorts({ ports });
        return [{ hostId, busy }];
      } catch (error) {
        if (isHostUnavailable(error)) return [];
        throw error;
      }
    }),
  );
  return { hosts: answers.flat() };
}

/** Whether a host is there, and what it says about itself and its services. */
export async function askHost(hostId: string): Promise<HostCheck> {
  try {
    const { facts, services } = await quickly(hostId, 'is anybody there?').describeHost({});
    return { hostId, checkedAt: new Date().toISOString(), facts, services };
  } catch {
    // Whatever the reason: this host gave no answer in time, and that is the answer.
    return { hostId, checkedAt: new Date().toISOString() };
  }
}

/** One attempt, answered at once or not at all. */
function quickly(hostId: string, summary: string): ReturnType<typeof proxyActivities<HostActivities>> {
  return proxyActivities<HostActivities>({
    ...POLICIES.host,
    taskQueue: hostTaskQueue(hostId),
    scheduleToStartTimeout: ANSWER_WITHIN_MS,
    startToCloseTimeout: ANSWER_WITHIN_MS,
    retry: { maximumAttempts: 1 },
    summary,
  });
}
