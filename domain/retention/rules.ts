/**
 * What is removed when it is old, by whom, and after how long. One table: configuration, the run that removes, the route that
 * shows it and docs/operations.md follow it.
 */

/** How long something is kept unless a setting says otherwise. */
export interface RetentionRule {
  /** What is removed, in one line. */
  readonly what: string;
  /** What stays all the same. */
  readonly kept: string;
  /** Setting with the days; 0 is for ever. */
  readonly setting: `PGSTEWARD_KEEP_${string}_DAYS`;
  readonly defaultDays: number;
}

/** Rules in the order in which a run carries them out: lines of logs go before the tasks that have them. */
export const RETENTION_RULES = {
  logs: {
    what: 'lines of the logs of tasks that have ended',
    kept: 'those of open tasks',
    setting: 'PGSTEWARD_KEEP_LOGS_DAYS',
    defaultDays: 90,
  },
  tasks: {
    what: 'tasks that have ended, with their journal, their log and what was asked',
    kept: 'open ones, the last one of each database and host that is there, what something else refers to, and receipts of drops',
    setting: 'PGSTEWARD_KEEP_TASKS_DAYS',
    defaultDays: 365,
  },
  receipts: {
    what: 'tasks that dropped a role, with the receipt of what was proven',
    kept: 'open ones, and what something else refers to',
    setting: 'PGSTEWARD_KEEP_RECEIPTS_DAYS',
    defaultDays: 0,
  },
  deliveries: {
    what: 'notifications that were sent or given up',
    kept: 'pending ones, and those of events that are still looked at',
    setting: 'PGSTEWARD_KEEP_DELIVERIES_DAYS',
    defaultDays: 90,
  },
  audit: {
    what: 'the oldest rows of the audit log, behind a checkpoint of its chain',
    kept: 'rows of open tasks and everything after them, what is not sealed or still looked at for notifications, the newest row',
    setting: 'PGSTEWARD_KEEP_AUDIT_DAYS',
    defaultDays: 0,
  },
} as const satisfies Record<string, RetentionRule>;

export type RetentionRuleName = keyof typeof RETENTION_RULES;
export const RETENTION_RULE_NAMES = Object.keys(RETENTION_RULES) as RetentionRuleName[];

/** Days by rule; null is for ever. */
export type RetentionDays = Readonly<Record<RetentionRuleName, number | null>>;

/** What goes by itself at a fixed age, because it is of no use afterwards. */
export interface FixedRetention {
  readonly what: string;
  /** When it goes. */
  readonly when: string;
}

export const FIXED_RETENTION: readonly FixedRetention[] = [
  { what: 'answers that are kept for an `Idempotency-Key`', when: '10 minutes after the request' },
  { what: 'sealed passwords of requests', when: '10 minutes after their task has ended' },
  { what: 'links to passwords, with the password', when: 'when they expire; the password at once when it was shown' },
];
