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
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** Errors of the driver itself, which gives them no code. */
const DRIVER_MESSAGES =
  /^(timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable)/;

/**
 * Whether the metadata database could not serve for a reason that passes. Errors of target servers never look like
 * this: whatever speaks to one throws a `Failure`.
 */
export function isMetadataUnavailable(err: unknown): boolean {
  if (err instanceof pg.DatabaseError) return PASSING_CLASSES.has((err.code ?? '').slice(0, 2));
  if (!(err instanceof Error)) return false;
  if ('code' in err && (SOCKET_CODES.has(err.code) || isMissingSocket(err))) return true;
  return DRIVER_MESSAGES.test(err.message);
}

/** A server on a local socket that is not there; a file that is missing says the same, but for the call. */
function isMissingSocket(err: Error & { code?: unknown; syscall?: unknown }): boolean {
  return err.code === 'ENOENT' && err.syscall === 'connect';
}
