import { describe, expect, test } from 'vitest';
import { durationMs } from '../../../domain/rotations/duration.ts';
import { type RotationSchedule, scheduleProblems, specificationOf } from '../../../domain/rotations/schedule.ts';
import { openingAfter } from '../../../domain/rotations/window.ts';

describe('a length of time', () => {
  test.each([
    [60, 60_000],
    [0.5, 500],
    ['P30D', 2_592_000_000],
    ['PT1H30M', 5_400_000],
    ['P1WT1S', 604_801_000],
    ['P', undefined],
    ['PT', undefined],
    ['P1DT', undefined],
    ['P1M', undefined],
    ['P1Y', undefined],
    ['1 day', undefined],
    [-1, undefined],
  ])('%j is %j ms', (value, ms) => {
    expect(durationMs(value)).toBe(ms);
  });
});

describe('a run that is due begins', () => {
  const berlin = 'Europe/Berlin';
  test.each([
    ['at once without a window', '2026-06-01T12:00:00Z', undefined, '2026-06-01T12:00:00Z'],
    ['at once within it', '2026-06-01T00:30:00Z', { start: '01:30', end: '05:00' }, '2026-06-01T00:30:00Z'],
    ['at the opening, the same day', '2026-06-01T10:00:10Z', { start: '20:00', end: '22:00' }, '2026-06-01T18:00:00Z'],
    ['at the opening, the next day', '2026-06-01T12:00:00Z', { start: '01:30', end: '05:00' }, '2026-06-01T23:30:00Z'],
    [
      'at once in a window over midnight',
      '2026-06-01T23:00:00Z',
      { start: '23:00', end: '02:00' },
      '2026-06-01T23:00:00Z',
    ],
    ['not at the end of it', '2026-06-01T03:00:00Z', { start: '01:30', end: '05:00' }, '2026-06-01T23:30:00Z'],
    [
      'after clocks were put back in between',
      '2026-10-24T12:00:00Z',
      { start: '03:30', end: '05:00' },
      '2026-10-25T02:30:00Z',
    ],
    [
      'after clocks were put forward over it',
      '2026-03-28T12:00:00Z',
      { start: '02:30', end: '04:00' },
      '2026-03-29T01:30:00Z',
    ],
  ])('%s', (_, at, window, opening) => {
    expect(openingAfter(new Date(at), window, berlin)).toEqual(new Date(opening));
  });
});

describe('a schedule', () => {
  const plain: RotationSchedule = { timeZone: 'UTC', jitterMs: 0, catchUpMs: 60_000 };

  test.each(['30 3 * * 1', '*/15 * * * *', '0 0-6/2 1,15 jan-jun mon-fri', '@daily'])('is taken: %s', (cron) => {
    expect(scheduleProblems({ ...plain, cron })).toEqual([]);
  });

  test.each(['', '* * * *', '60 * * * *', '*/0 * * * *', '1-2-3 * * * *', '* * 0 * *', '@never', '* * * * * *'])(
    'is refused: %j',
    (cron) => {
      expect(scheduleProblems({ ...plain, cron })).toEqual([{ path: 'schedule.cron', message: expect.any(String) }]);
    },
  );

  test('of an interval begins with its definition', () => {
    const definedAt = new Date('2026-06-01T12:34:56.789Z');
    const { intervals } = specificationOf({ ...plain, everyMs: 3_600_000 }, definedAt);
    expect(intervals).toEqual([{ every: 3_600_000, offset: 34 * 60_000 + 56_000 }]);
  });
});
