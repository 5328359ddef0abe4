import { Failure } from '../failures.ts';

/**
 * libpq's password file with the one entry of a service. Host and port are left open: the URI of the service already
 * says where it connects, and names differ between host and container.
 * @throws Failure InvalidSpec for CR, LF or NUL, which the format cannot hold (the message has no part of the password)
 */
export function renderPassfile(entry: { user: string; database: string; password: string }): string {
  const fields = ['*', '*', escapeField(entry.database), escapeField(entry.user), escapeField(entry.password)];
  return `${fields.join(':')}\n`;
}

function escapeField(value: string): string {
  if (/[\r\n\0]/.test(value)) {
    throw new Failure('InvalidSpec', 'a user name, database name or password contains CR, LF or NUL');
  }
  return value.replace(/[\\:]/g, '\\$&');
}
