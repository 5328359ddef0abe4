import pg from 'pg';

/** SQLSTATE classes that pass: connection, rolled back for another transaction, out of resources, shut down or cancelled. */
const PASSING_CLASSES: ReadonlySet<string> = new Set(['08', '40', '53', '57']);
const SOCKET_CODES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** Errors of the driver itself, which gives them no code. */
const DRIVER_MESSAGES = /^(timeout exceeded when trying to connect|Connection terminated|Query read timeout)/;

/**
 * Whether the metadata database could not serve for a reason that passes. Errors of target servers never look like
 * this: they reach the API as a `Failure`.
 */
export function isMetadataUnavailable(err: unknown): boolean {
  if (err instanceof pg.DatabaseError) return PASSING_CLASSES.has((err.code ?? '').slice(0, 2));
  if (!(err instanceof Error)) return false;
  return ('code' in err && SOCKET_CODES.has(err.code)) || DRIVER_MESSAGES.test(err.message);
}
