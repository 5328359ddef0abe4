import {
  type ActivityCancellationType,
  type ActivityInterfaceFor,
  type ActivityOptions,
  type LocalActivityInterfaceFor,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { ControlActivities } from '../activities/control/types.ts';
import type { HostActivities } from '../domain/host-activities.ts';
import { hostTaskQueue } from '../domain/identifiers.ts';
import { HOST_SCHEDULE_TO_START_MS, LOCAL_RETRY_THRESHOLD, POLICIES, type PolicyName } from './policies.ts';

/** What a caller adds to a named policy. */
export interface CallOptions {
  /** One line for the Temporal UI. */
  summary: string;
  /** Time left for all attempts together, in milliseconds. */
  budgetMs: number;
  /** What a cancellation waits for: by default for nothing (SDK 1.24, in spite of its documentation). */
  cancellationType?: ActivityCancellationType;
}

/** Control activities under a named policy. */
export function control(policy: PolicyName, call: CallOptions): ActivityInterfaceFor<ControlActivities> {
  return proxyActivities<ControlActivities>(options(policy, call));
}

/** Activities of one host: only its own worker polls this queue, so a wait for a worker is bounded. */
export function onHost(hostId: string, call: CallOptions): ActivityInterfaceFor<HostActivities> {
  return proxyActivities<HostActivities>({
    ...options('host', call),
    taskQueue: hostTaskQueue(hostId),
    scheduleToStartTimeout: Math.min(HOST_SCHEDULE_TO_START_MS, call.budgetMs),
  });
}

function options(policy: PolicyName, { summary, budgetMs, cancellationType }: CallOptions): ActivityOptions {
  return {
    ...POLICIES[policy],
    ...(cancellationType === undefined ? {} : { cancellationType }),
    scheduleToCloseTimeout: budgetMs,
    summary,
  };
}

/** Control activities inside the workflow's own task: for quick work on the metadata database, at a fraction of the cost. */
export function locally(summary: string): LocalActivityInterfaceFor<ControlActivities> {
  const { startToCloseTimeout, retry } = POLICIES.bookkeeping;
  return proxyLocalActivities<ControlActivities>({
    startToCloseTimeout,
    retry,
    localRetryThreshold: LOCAL_RETRY_THRESHOLD,
    summary,
  });
}
