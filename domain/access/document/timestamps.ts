/** Date and time with offset of RFC 3339; PostgreSQL keeps microseconds. */
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

const MINUTE_MS = 60_000;

/**
 * The same moment in UTC, as the server's state is read: `2027-01-01T00:00:00Z`, with six digits of microseconds where there
 * are any. Undefined for what is no RFC 3339 timestamp, for a day that no calendar has, for leap seconds, for more digits than
 * PostgreSQL keeps, and for years outside of 1 to 9999.
 */
export function canonicalTimestamp(text: string): string | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [, , , , , , , fraction = '', sign, offsetHours, offsetMinutes] = match;
  const isTime =
    hour < 24 && minute < 60 && second < 60 && Number(offsetHours ?? 0) < 24 && Number(offsetMinutes ?? 0) < 60;
  if (!isTime || !isDate(year, month, day)) return undefined;
  const offset = (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * (sign === '-' ? -1 : 1);
  const local = new Date(0);
  // Date.UTC takes years below 100 for those of the twentieth century.
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second);
  const utc = new Date(local.getTime() - offset * MINUTE_MS);
  if (utc.getUTCFullYear() < 1 || utc.getUTCFullYear() > 9999) return undefined;
  const microseconds = fraction.padEnd(6, '0');
  return `${utc.toISOString().slice(0, 19)}${microseconds === '000000' ? '' : `.${microseconds}`}Z`;
}

function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
