import type { ActivityOptions } from '@temporalio/workflow';

/**
 * Every activity runs under one of these. Retries are unlimited here because the total is bounded by the task's
 * deadline (`scheduleToCloseTimeout`, set per call); what cannot succeed is failed at the activity edge.
 * The heartbeat is sent by the worker's interceptor, so a killed worker is noticed within its time-out.
 */
export const POLICIES = {
  /** Reads and writes of the metadata database: milliseconds; the bound covers a failover of that server. */
  bookkeeping: {
    startToCloseTimeout: '20s',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
  },
  /** DDL on a target server: dominated by CREATE and DROP DATABASE; statements end themselves after 20 s. */
  sql: {
    startToCloseTimeout: '90s',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '10s' },
  },
  /** A document over many databases: minutes, when it has thousands of objects. */
  apply: {
    startToCloseTimeout: '10m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '10s' },
  },
  /** Waiting for another task's undo, which asks hosts that are down a few times: the activity ends its wait by itself. */
  patient: {
    startToCloseTimeout: '3m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '5s' },
  },
  /** Leases of one server that end together, sessions and proofs included: seconds. What fails is tried again by the row. */
  leases: {
    startToCloseTimeout: '90s',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  },
  /** Scripts of the user: as long as the longest statement may take. */
  script: {
    startToCloseTimeout: '5m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '10s' },
  },
  /** Work of a container engine: dominated by a first image pull or build. */
  host: {
    startToCloseTimeout: '3m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '10s' },
  },
  /** One message to Slack, Webex or a mail server, each answer of which is waited for 15 s: a mail needs some eight of them. */
  notify: {
    startToCloseTimeout: '3m',
    heartbeatTimeout: '5s',
    retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '10m' },
  },
} as const satisfies Record<string, ActivityOptions>;

/**
 * Longer pauses between attempts of a local activity are timers of the workflow. A worker that is asked to stop waits for the
 * attempts that follow each other within its workflow task: a server that is down must not keep it.
 */
export const LOCAL_RETRY_THRESHOLD = '1s';

export type PolicyName = keyof typeof POLICIES;

/** A host that takes no task for this long counts as not answering; the workflow then tries again until its deadline. */
export const HOST_SCHEDULE_TO_START_MS = 10_000;
/** How often an undo asks an unreachable host before it leaves a tombstone. */
export const HOST_UNDO_ATTEMPTS = 3;
/** How long a forced delete lets one host try before it leaves a tombstone there, in milliseconds. */
export const FORCED_HOST_BUDGET_MS = 60_000;
/** A receiver may be away for a night. After that nobody wants to hear of it any more. */
export const NOTIFY_WITHIN_MS = 12 * 3_600_000;
/** What has waited longer behind others gets at least one attempt. */
export const NOTIFY_AT_LEAST_MS = 3 * 60_000;
/** Looks through the audit log of one run, thousands of rows each: more than one only after a time without workers. */
export const LOOKS_PER_RUN = 20;
/** Messages of one run; the next run sends what is left, so that histories stay small. */
export const NOTIFICATIONS_PER_RUN = 100;
/** One look at a server for drift, its repetitions included: a server with thousands of objects is read in seconds. */
export const DRIFT_LOOK_BUDGET_MS = 2 * 60_000;
/** Servers that are looked at side by side. */
export const DRIFT_PARALLEL = 4;
/** Batches of one rule of retention within one run, thousands of rows each. */
export const RETENTION_BATCHES_PER_RUN = 25;
/** For all attempts of one batch: after that the run fails, which the Temporal UI shows, and the next one tries again. */
export const RETENTION_BUDGET_MS = 2 * 60_000;
/** Rounds of one run that ends leases; the next run goes on, so that histories stay small. */
export const LEASE_ROUNDS_PER_RUN = 200;
/** A round is tried for so long while the metadata database is away; then the reconciler begins anew. */
export const LEASE_ROUND_WITHIN_MS = 24 * 3_600_000;
/** Longest sleep: whoever changed rows by hand is noticed within that. */
export const LEASE_LONGEST_SLEEP_MS = 3_600_000;
/** How long a run of a rotation that is due waits for whatever else is under way. */
export const ROTATION_BUSY_FOR_MS = 10 * 60_000;
/** Undo is patient: a server that is down for hours does not leave things behind. */
export const UNDO_TIMEOUT_MS = 24 * 3_600_000;
