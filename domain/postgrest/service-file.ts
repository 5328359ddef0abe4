import { Failure } from '../failures.ts';
import { LIBPQ_SERVICE } from './database-uri.ts';

/** Longest line that libpq reads from a service file (parseServiceFile in fe-connect.c takes any; older releases cut here). */
const LINE_MAX_BYTES = 255;

/**
 * libpq's service file: the one entry says as whom the service logs in.
 * @throws Failure InvalidSpec for names that the format cannot hold: it has no quoting, and takes white space off the end
 */
export function renderServiceFile(user: string): string {
  const tooLong = new TextEncoder().encode(user).length + 'user='.length > LINE_MAX_BYTES;
  if (/[\r\n\0]/.test(user) || user.trim() !== user || tooLong) {
    throw new Failure('InvalidSpec', 'the name of a login begins or ends with white space, or has a line break in it');
  }
  return `[${LIBPQ_SERVICE}]\nuser=${user}\n`;
}
