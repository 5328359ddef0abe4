import type { Problem } from '../spec/problems.ts';
import { type DayWindow, isTimeZone, minuteOfDay } from './window.ts';

/** Days and months as Temporal names them. */
export const WEEK_DAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

export const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;

/** Times of days, each part a list; left out: every day, every month, at midnight. */
export interface RotationCalendar {
  hours: number[];
  minutes: number[];
  weekDays?: (typeof WEEK_DAYS)[number][];
  monthDays?: number[];
  months?: (typeof MONTHS)[number][];
}

/** When runs of a rotation are due. Exactly one of the first three. */
export interface RotationSchedule {
  everyMs?: number;
  calendar?: RotationCalendar;
  /** Five fields, or one of the names such as `@daily`. */
  cron?: string;
  timeZone: string;
  /** Runs begin up to this much later, at random. */
  jitterMs: number;
  window?: DayWindow;
  /** A run that was missed is caught up, once, when it was due no longer ago. */
  catchUpMs: number;
}

/** Below that, the next run would be due before the last one has ended. */
const LEAST_INTERVAL_MS = 1_000;
/** What Temporal takes for a time zone or an interval is longer than anybody wants; a bound keeps sums exact. */
const MOST_MS = 10 * 366 * 86_400_000;
/** Temporal takes no shorter one. */
const LEAST_CATCH_UP_MS = 10_000;

const CRON_NAMES = new Set(['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']);
const CRON_FIELDS = [
  { name: 'minute', first: 0, last: 59, words: [] },
  { name: 'hour', first: 0, last: 23, words: [] },
  { name: 'day of month', first: 1, last: 31, words: [] },
  {
    name: 'month',
    first: 1,
    last: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of week', first: 0, last: 6, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;

/** What is wrong with a schedule; Temporal takes any other one. */
export function scheduleProblems(schedule: RotationSchedule, path = 'schedule'): Problem[] {
  const { everyMs, calendar, cron, timeZone, window, jitterMs, catchUpMs } = schedule;
  const problems: Problem[] = [];
  const add = (field: string, message: string) => problems.push({ path: `${path}.${field}`, message });
  if ([everyMs, calendar, cron].filter((one) => one !== undefined).length !== 1) {
    problems.push({ path, message: 'needs exactly one of every, calendar and cron' });
  }
  if (everyMs !== undefined && (everyMs < LEAST_INTERVAL_MS || everyMs > MOST_MS || everyMs % 1000 !== 0)) {
    add('every', 'must be whole seconds, at least one, at most ten years');
  }
  if (cron !== undefined) {
    const problem = cronProblem(cron);
    if (problem !== undefined) add('cron', problem);
  }
  if (!isTimeZone(timeZone)) add('time_zone', `there is no time zone ${JSON.stringify(timeZone)}`);
  if (jitterMs > MOST_MS || (everyMs !== undefined && jitterMs >= everyMs)) {
    add('jitter', 'must be shorter than the time between two runs');
  }
  if (catchUpMs < LEAST_CATCH_UP_MS || catchUpMs > MOST_MS) {
    add('catch_up_window', 'must be at least 10 seconds, at most ten years');
  }
  if (window !== undefined) {
    const [start, end] = [minuteOfDay(window.start), minuteOfDay(window.end)];
    if (start === undefined) add('window.start', 'must be a time such as 01:30');
    if (end === undefined) add('window.end', 'must be a time such as 05:00');
    if (start !== undefined && start === end) add('window', 'must not begin and end at the same time');
  }
  return problems;
}

function cronProblem(text: string): string | undefined {
  if (CRON_NAMES.has(text)) return undefined;
  const fields = text.trim().split(/\s+/);
  if (fields.length !== CRON_FIELDS.length) {
    return `must have five fields (minute hour day-of-month month day-of-week) or be one of ${[...CRON_NAMES].join(', ')}`;
  }
  for (const [index, field] of CRON_FIELDS.entries()) {
    if (!(fields[index] ?? '').split(',').every((part) => isCronPart(part, field))) {
      return `has no valid ${field.name}: ${JSON.stringify(fields[index])}`;
    }
  }
  return undefined;
}

function isCronPart(part: string, field: (typeof CRON_FIELDS)[number]): boolean {
  const [range = '', step, ...more] = part.split('/');
  if (more.length > 0 || (step !== undefined && !(/^\d+$/.test(step) && Number(step) > 0))) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((text) => {
    const word = (field.words as readonly string[]).indexOf(text.toLowerCase());
    return word >= 0 ? word + field.first : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  });
  const [first = Number.NaN, last = first] = ends;
  return ends.length <= 2 && first >= field.first && last <= field.last && first <= last;
}

/** The same in the words of a Temporal schedule. */
export interface ScheduleSpecification {
  intervals?: { every: number; offset: number }[];
  calendars?: {
    hour: number[];
    minute: number[];
    dayOfWeek?: (typeof WEEK_DAYS)[number][];
    dayOfMonth?: number[];
    month?: (typeof MONTHS)[number][];
  }[];
  cronExpressions?: string[];
  timezone: string;
  jitter?: number;
}

/** Intervals begin with the definition: the first run is due one interval later. */
export function specificationOf(schedule: RotationSchedule, definedAt: Date): ScheduleSpecification {
  const { everyMs, calendar, cron, timeZone, jitterMs } = schedule;
  const definedAtS = Math.floor(definedAt.getTime() / 1000) * 1000;
  return {
    ...(everyMs !== undefined && { intervals: [{ every: everyMs, offset: definedAtS % everyMs }] }),
    ...(calendar !== undefined && {
      calendars: [
        {
          hour: calendar.hours,
          minute: calendar.minutes,
          ...(calendar.weekDays !== undefined && { dayOfWeek: calendar.weekDays }),
          ...(calendar.monthDays !== undefined && { dayOfMonth: calendar.monthDays }),
          ...(calendar.months !== undefined && { month: calendar.months }),
        },
      ],
    }),
    ...(cron !== undefined && { cronExpressions: [cron] }),
    timezone: timeZone,
    ...(jitterMs > 0 && { jitter: jitterMs }),
  };
}
