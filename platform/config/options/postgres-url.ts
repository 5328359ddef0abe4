import { z } from 'zod';

/** A PostgreSQL URL that names user and database and holds no password. Messages never quote it: it may hold one by mistake. */
export const passwordlessPostgresUrl = z.string().transform((value, context) => {
  const url = parseUrl(value);
  if (url === undefined || !SCHEMES.has(url.protocol) || url.hostname === '' || url.username === '') {
    context.addIssue('must be postgres://<user>@<address>:<port>/<database>');
    return z.NEVER;
  }
  if (!/^\/[^/]+$/.test(url.pathname)) {
    context.addIssue('must name the database: postgres://<user>@<address>:<port>/<database>');
    return z.NEVER;
  }
  if (url.password !== '' || url.searchParams.has('password')) {
    context.addIssue('must not contain a password; put it into a file and set PGSTEWARD_METADATA_PASSWORD_FILE');
    return z.NEVER;
  }
  return value;
});

const SCHEMES = new Set(['postgres:', 'postgresql:']);

function parseUrl(value: string): URL | undefined {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}
