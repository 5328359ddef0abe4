import type { InstanceStatus, ServiceState } from './instance-status.ts';
import type { Health, InstanceLook } from './look.ts';

/** How long a deployment that nobody works on any more may stay unfinished. */
const CREATING_LIMIT_MS = 5 * 60_000;

/** An instance as it is on record. */
export interface RecordedInstance {
  state: ServiceState;
  error: string | null;
  status: InstanceStatus;
  /** When its state changed last. */
  changedAt: Date;
  /** An operation on its database is under way: its state is that operation's to decide. */
  held: boolean;
}

/** When a look was taken, and how patient its judge is. */
export interface JudgeTerms {
  /** By the control plane's clock: clocks of hosts differ. */
  lookedAt: Date;
  /** How long a running instance may be unhealthy before it counts as failed, in milliseconds. */
  graceMs: number;
  /** How long a look stands for the present, in milliseconds. */
  freshMs: number;
}

/** What is to be on record after a look. */
export interface Verdict {
  state: ServiceState;
  error: string | null;
  status: InstanceStatus;
  /** Why the state changes; absent when it does not. */
  reason?: string;
}

/** Where a state goes when it is found like this, and how long that must have lasted. No rule: it stays. */
interface Rule {
  next: ServiceState;
  patience: 'none' | 'grace' | 'creating';
}

const RULES: Readonly<Record<ServiceState, Partial<Record<Health, Rule>>>> = {
  creating: {
    healthy: { next: 'running', patience: 'none' },
    unhealthy: { next: 'failed', patience: 'creating' },
    unknown: { next: 'failed', patience: 'creating' },
  },
  running: { unhealthy: { next: 'failed', patience: 'grace' } },
  failed: { healthy: { next: 'running', patience: 'none' } },
  deleting: {},
};

/**
 * What a look means for an instance. Health is always as it was seen; the state follows with patience, and not at all while an
 * operation is under way. Undefined when there is nothing to tell: the look is older than what is on record, so about
 * something that has passed, or it found nothing of a deployment that failed before there was anything.
 */
export function judge(instance: RecordedInstance, look: InstanceLook, terms: JudgeTerms): Verdict | undefined {
  const { state, error, held, changedAt } = instance;
  const at = terms.lookedAt.getTime();
  if (at < changedAt.getTime() || at < timeOf(instance.status.checkedAt)) return undefined;
  if (state === 'failed' && instance.status.checkedAt === undefined && look.service === undefined) return undefined;
  const status = statusAfter(instance.status, look, terms);
  const rule = held ? undefined : RULES[state][look.health];
  if (rule === undefined || !isDue(rule, instance, terms)) return { state, error, status };
  if (rule.next === 'running') return { state: 'running', error: null, status, reason: 'it serves requests' };
  const reason = failureReason(rule, instance, look, terms);
  return { state: rule.next, error: reason, status, reason };
}

function isDue({ patience }: Rule, instance: RecordedInstance, terms: JudgeTerms): boolean {
  const limits = { none: -1, grace: terms.graceMs, creating: CREATING_LIMIT_MS };
  return terms.lookedAt.getTime() - since(patience, instance) > limits[patience];
}

/** From when patience counts: the last change, or for a grace a later look that was not bad. */
function since(patience: Rule['patience'], { changedAt, status }: RecordedInstance): number {
  const changed = changedAt.getTime();
  return patience === 'grace' ? Math.max(changed, timeOf(status.graceFrom)) : changed;
}

function failureReason(rule: Rule, instance: RecordedInstance, look: InstanceLook, terms: JudgeTerms): string {
  const seconds = Math.floor((terms.lookedAt.getTime() - since(rule.patience, instance)) / 1000);
  return `not healthy for ${seconds} s: ${look.message ?? 'it does not serve requests'}`;
}

function statusAfter(previous: InstanceStatus, look: InstanceLook, terms: JudgeTerms): InstanceStatus {
  const { healthy: _healthy, healthMessage: _message, containerId: _container, ...kept } = previous;
  const now = terms.lookedAt.toISOString();
  // A container that could not be looked at is the one that was there; one that is not there has no id.
  const containerId = look.health === 'unknown' ? previous.containerId : look.service?.containerId;
  return {
    ...kept,
    ...(look.service === undefined ? {} : { image: look.service.image }),
    ...(look.addresses === undefined ? {} : { addresses: look.addresses }),
    ...(containerId === undefined ? {} : { containerId }),
    ...(look.health === 'unknown' ? {} : { healthy: look.health === 'healthy' }),
    ...(look.message === undefined ? {} : { healthMessage: look.message }),
    ...(look.health === 'healthy' ? { lastHealthyAt: now } : {}),
    ...(look.health === 'unhealthy' ? {} : { graceFrom: now }),
    checkedAt: now,
    freshUntil: new Date(terms.lookedAt.getTime() + terms.freshMs).toISOString(),
  };
}

function timeOf(text: string | undefined): number {
  return text === undefined ? Number.NEGATIVE_INFINITY : Date.parse(text);
}
