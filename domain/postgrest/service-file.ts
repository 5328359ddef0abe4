import { Failure } from '../failures.ts';
import { LIBPQ_SERVICE } from './database-uri.ts';

/**
 * libpq's service file: its one entry says as whom the service logs in.
 * @throws Failure InvalidSpec for names that the format cannot hold: it has no quoting, and takes white space off the end of lines
 */
export function renderServiceFile(user: string): string {
  if (/[\r\n\0]|\s$/.test(user)) {
    throw new Failure('InvalidSpec', 'the name of a login ends in white space, or has a line break or NUL in it');
  }
  return `[${LIBPQ_SERVICE}]\nuser=${user}\n`;
}
