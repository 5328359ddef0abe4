import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InstanceStatus, ServiceState } from '../../../domain/monitoring/instance-status.ts';
import { judge, type RecordedInstance } from '../../../domain/monitoring/judge.ts';
import type { Health, InstanceLook } from '../../../domain/monitoring/look.ts';
import type { ServiceObservation } from '../../../domain/services.ts';

/** The instance changed at second 0; looks are taken so many seconds later. */
const START = Date.parse('2026-07-16T07:20:00.000Z');
const at = (seconds: number) => new Date(START + seconds * 1000);
const iso = (seconds: number) => at(seconds).toISOString();
const LIMITS = { graceMs: 30_000, freshMs: 60_000 };

const SERVICE: ServiceObservation = {
  instanceId: 'shop-api-host-1',
  databaseId: 'shop',
  serviceId: 'api',
  port: 3100,
  running: true,
  containerId: 'c1',
  image: 'postgrest:1',
  version: '12.0.2',
  startedAt: iso(0),
};
const LOOKS: Readonly<Record<Health | 'missing', InstanceLook>> = {
  healthy: { health: 'healthy', service: SERVICE, addresses: ['10.0.0.5'] },
  unhealthy: { health: 'unhealthy', message: '503', service: SERVICE, addresses: ['10.0.0.5'] },
  missing: { health: 'unhealthy', message: 'it is gone', addresses: ['10.0.0.5'] },
  unknown: { health: 'unknown', message: 'silence' },
};
const instance = (state: ServiceState, more: Partial<RecordedInstance> = {}): RecordedInstance => ({
  state,
  error: state === 'failed' ? 'the first reason' : null,
  status: state === 'failed' ? { checkedAt: iso(0) } : {},
  changedAt: at(0),
  held: false,
  ...more,
});
const look = (recorded: RecordedInstance, seen: keyof typeof LOOKS, seconds: number) => {
  const verdict = judge(recorded, LOOKS[seen], { lookedAt: at(seconds), ...LIMITS });
  if (verdict === undefined) throw new Error('the look was dropped');
  return verdict;
};

describe('the state after one look', () => {
  test.each<[before: ServiceState, seen: keyof typeof LOOKS, seconds: number, after: ServiceState]>([
    ['creating', 'healthy', 1, 'running'],
    ['creating', 'unhealthy', 300, 'creating'],
    ['creating', 'unhealthy', 301, 'failed'],
    ['creating', 'missing', 300, 'creating'],
    ['creating', 'missing', 301, 'failed'],
    ['creating', 'unknown', 300, 'creating'],
    ['creating', 'unknown', 301, 'failed'],
    ['running', 'healthy', 1000, 'running'],
    ['running', 'unhealthy', 30, 'running'],
    ['running', 'unhealthy', 31, 'failed'],
    ['running', 'missing', 30, 'running'],
    ['running', 'missing', 31, 'failed'],
    ['running', 'unknown', 100_000, 'running'],
    ['failed', 'healthy', 1, 'running'],
    ['failed', 'unhealthy', 1000, 'failed'],
    ['failed', 'missing', 1000, 'failed'],
    ['failed', 'unknown', 1000, 'failed'],
    ['deleting', 'healthy', 1000, 'deleting'],
    ['deleting', 'missing', 1000, 'deleting'],
    ['deleting', 'unknown', 1000, 'deleting'],
  ])('%s, found %s after %i s: %s', (before, seen, seconds, after) => {
    const { state, reason, error } = look(instance(before), seen, seconds);
    expect(state).toBe(after);
    expect(reason === undefined).toBe(before === after);
    if (after === 'running') expect(error).toBeNull();
    else if (before !== after) expect(error).toBe(`not healthy for ${seconds} s: ${LOOKS[seen].message}`);
  });

  test.each<[ServiceState, keyof typeof LOOKS]>(
    (['creating', 'running', 'failed', 'deleting'] as const).flatMap((state) =>
      (['healthy', 'unhealthy', 'missing', 'unknown'] as const).map((seen): [ServiceState, keyof typeof LOOKS] => [
        state,
        seen,
      ]),
    ),
  )('%s, found %s while an operation is under way, stays; its health is told', (state, seen) => {
    const before = instance(state, { held: true });
    const after = look(before, seen, 100_000);
    expect(after).toMatchObject({ state, error: before.error });
    expect(after.reason).toBeUndefined();
    expect(after.status.healthy).toBe(healthOf(seen));
    expect(after.status.checkedAt).toBe(iso(100_000));
  });
});

describe('the grace of a running instance', () => {
  /** Looks one after the other, every 10 s. */
  function watched(...seen: (keyof typeof LOOKS)[]) {
    return seen.reduce<{ recorded: RecordedInstance; states: ServiceState[] }>(
      ({ recorded, states }, one, index) => {
        const seconds = (index + 1) * 10;
        const { state, error, status, reason } = look(recorded, one, seconds);
        const changedAt = reason === undefined ? recorded.changedAt : at(seconds);
        return { recorded: { ...recorded, state, error, status, changedAt }, states: [...states, state] };
      },
      { recorded: instance('running'), states: [] },
    );
  }

  test('counts from the last healthy look', () => {
    const seen = ['healthy', 'healthy', 'unhealthy', 'unhealthy', 'missing', 'unhealthy'] as const;
    expect(watched(...seen).states).toEqual(['running', 'running', 'running', 'running', 'running', 'failed']);
  });

  test('begins anew with each healthy look', () => {
    const seen = ['unhealthy', 'unhealthy', 'healthy', 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy'] as const;
    expect(watched(...seen).states.slice(-2)).toEqual(['running', 'failed']);
  });

  test('does not count the time that nobody could look', () => {
    const silence = Array(100).fill('unknown');
    const { states } = watched('healthy', ...silence, 'unhealthy', 'unhealthy', 'unhealthy', 'unhealthy');
    expect(states.slice(-4)).toEqual(['running', 'running', 'running', 'failed']);
  });

  test('is granted again after a recovery', () => {
    const bad = Array(4).fill('unhealthy');
    const { states, recorded } = watched(...bad, 'healthy', ...bad);
    expect(states).toEqual([
      ...['running', 'running', 'running', 'failed'],
      'running',
      ...['running', 'running', 'running', 'failed'],
    ]);
    expect(recorded.error).toBe('not healthy for 40 s: 503');
  });
});

describe('what is told of an instance', () => {
  const previous: InstanceStatus = {
    containerId: 'c0',
    image: 'postgrest:0',
    addresses: ['10.0.0.4'],
    healthy: true,
    checkedAt: iso(0),
    lastHealthyAt: iso(0),
    graceFrom: iso(0),
  };

  test.each<[seen: keyof typeof LOOKS, status: InstanceStatus]>([
    [
      'healthy',
      {
        containerId: 'c1',
        image: 'postgrest:1',
        addresses: ['10.0.0.5'],
        healthy: true,
        lastHealthyAt: iso(10),
        graceFrom: iso(10),
      },
    ],
    [
      'unhealthy',
      {
        containerId: 'c1',
        image: 'postgrest:1',
        addresses: ['10.0.0.5'],
        healthy: false,
        healthMessage: '503',
        lastHealthyAt: iso(0),
        graceFrom: iso(0),
      },
    ],
    [
      'missing',
      {
        image: 'postgrest:0',
        addresses: ['10.0.0.5'],
        healthy: false,
        healthMessage: 'it is gone',
        lastHealthyAt: iso(0),
        graceFrom: iso(0),
      },
    ],
    [
      'unknown',
      {
        containerId: 'c0',
        image: 'postgrest:0',
        addresses: ['10.0.0.4'],
        healthMessage: 'silence',
        lastHealthyAt: iso(0),
        graceFrom: iso(10),
      },
    ],
  ])('that was found %s', (seen, status) => {
    const told = look(instance('running', { status: previous }), seen, 10).status;
    expect(told).toEqual({ ...status, checkedAt: iso(10), freshUntil: iso(70) });
  });

  test('forgets the words of an earlier look', () => {
    const status = { ...previous, healthy: false, healthMessage: 'earlier' };
    expect(look(instance('running', { status }), 'healthy', 10).status).not.toHaveProperty('healthMessage');
  });
});

test('a deployment that failed before there was anything has nothing to tell, until something of it is there', () => {
  const never = instance('failed', { status: {} });
  const terms = { lookedAt: at(10), ...LIMITS };
  expect(judge(never, LOOKS.missing, terms)).toBeUndefined();
  expect(judge(never, LOOKS.unknown, terms)).toBeUndefined();
  expect(judge(never, LOOKS.unhealthy, terms)).toMatchObject({ state: 'failed', error: 'the first reason' });
});

test.each([
  ['the last change', { changedAt: at(11) }],
  ['the last look', { status: { checkedAt: iso(11) } }],
])('a look that is older than %s is dropped', (_what, recorded) => {
  const terms = { lookedAt: at(10), ...LIMITS };
  expect(judge(instance('running', recorded), LOOKS.healthy, terms)).toBeUndefined();
});

test('whatever was seen before, unhealthy and unknown are never told as healthy, and judging twice is judging once', () => {
  const seen = fc.constantFrom(...(Object.keys(LOOKS) as (keyof typeof LOOKS)[]));
  const state = fc.constantFrom<ServiceState>('creating', 'running', 'failed', 'deleting');
  fc.assert(
    fc.property(
      state,
      fc.boolean(),
      fc.array(fc.tuple(seen, fc.integer({ min: 0, max: 400 })), { minLength: 1 }),
      (first, held, looks) => {
        let recorded = instance(first, { held });
        let seconds = 0;
        for (const [one, pause] of looks) {
          seconds += pause;
          const { reason, ...verdict } = look(recorded, one, seconds);
          expect(verdict.status.healthy).toBe(healthOf(one));
          recorded = { ...recorded, ...verdict, changedAt: reason === undefined ? recorded.changedAt : at(seconds) };
          const again = look(recorded, one, seconds);
          expect(again).toEqual({ state: recorded.state, error: recorded.error, status: recorded.status });
        }
      },
    ),
  );
});

function healthOf(seen: keyof typeof LOOKS): boolean | undefined {
  return { healthy: true, unhealthy: false, missing: false, unknown: undefined }[seen];
}
