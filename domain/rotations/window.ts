/** The part of a day in which runs may begin, in one time zone; one that ends before it starts goes over midnight. */
export interface DayWindow {
  /** `HH:MM`. */
  start: string;
  end: string;
}

const MINUTE_MS = 60_000;
const MINUTES_OF_DAY = 24 * 60;

/** Minutes since midnight of `HH:MM`; undefined for anything else. */
export function minuteOfDay(text: string): number | undefined {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}

/** Whether the time zone is one that this machine knows. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * When a run that is due at `at` may begin: then, or when the window opens next. Clocks that are put forward over the opening
 * open it at the first minute after.
 */
export function openingAfter(at: Date, window: DayWindow | undefined, timeZone: string): Date {
  if (window === undefined || isOpen(at, window, timeZone)) return at;
  const start = minuteOfDay(window.start) ?? 0;
  const wait = (start - minuteIn(at, timeZone) + MINUTES_OF_DAY) % MINUTES_OF_DAY;
  const guess = new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS + wait * MINUTE_MS);
  // A change of clocks in between moves the opening by as much.
  const off = start - minuteIn(guess, timeZone);
  const shift =
    off > MINUTES_OF_DAY / 2 ? off - MINUTES_OF_DAY : off < -MINUTES_OF_DAY / 2 ? off + MINUTES_OF_DAY : off;
  const opening = new Date(guess.getTime() + shift * MINUTE_MS);
  if (opening > at && isOpen(opening, window, timeZone)) return opening;
  return guess > at ? guess : new Date(guess.getTime() + MINUTES_OF_DAY * MINUTE_MS);
}

function isOpen(at: Date, window: DayWindow, timeZone: string): boolean {
  const [start, end] = [minuteOfDay(window.start) ?? 0, minuteOfDay(window.end) ?? 0];
  const minute = minuteIn(at, timeZone);
  return start < end ? minute >= start && minute < end : minute >= start || minute < end;
}

function minuteIn(at: Date, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
}
