import pg from 'pg';
import { Failure, type FailureType } from '../../domain/failures.ts';

/** What a class or code of SQLSTATE means for the step that met it; longest prefix wins. */
const SQLSTATE_FAILURES: Record<string, FailureType> = {
  '08': 'ServerUnavailable',
  '25006': 'ServerUnavailable', // read-only: a standby, or a primary being fenced
  '28': 'SqlRefused',
  '40001': 'Contention',
  '40P01': 'Contention',
  '42': 'SqlRefused',
  '42P04': 'NameConflict', // database exists
  '42710': 'NameConflict', // role exists
  '53': 'ServerUnavailable',
  '55006': 'Contention', // object in use: another session is still in the database
  '55P03': 'Contention', // lock not available
  '57014': 'Contention', // statement timeout
  '57P01': 'ServerUnavailable',
  '57P02': 'ServerUnavailable',
  '57P03': 'ServerUnavailable',
  '57P04': 'ServerUnavailable',
  '2BP01': 'SqlRefused',
};

/** XX000 texts of concurrent catalog updates: "internal errors" that succeed when repeated. */
const CONCURRENT_UPDATE = /^tuple concurrently (updated|deleted)|^could not find tuple for/;
/** Unique indexes of shared catalogs that concurrent CREATE ROLE and GRANT run into. */
const CATALOG_INDEX = /^pg_(authid|auth_members|db_role_setting|default_acl|database|shdescription)/;

/** Type of failure for a PostgreSQL error, by SQLSTATE. */
export function failureTypeOf(error: {
  code?: string | undefined;
  message: string;
  constraint?: string | undefined;
}): FailureType {
  const code = error.code ?? '';
  if (code === 'XX000' && CONCURRENT_UPDATE.test(error.message)) return 'Contention';
  if (code === '23505' && CATALOG_INDEX.test(error.constraint ?? '')) return 'Contention';
  for (let length = code.length; length >= 2; length -= 1) {
    const type = SQLSTATE_FAILURES[code.slice(0, length)];
    if (type !== undefined) return type;
  }
  return code === '' ? 'ServerUnavailable' : 'SqlRefused';
}

/** Codes whose message repeats only names of objects, never fragments of a statement. */
const MESSAGE_IS_SAFE = /^(08|25|28|2BP01|3D|3F|40|42501|42704|42710|42P01|42P04|42P06|42883|53|55|57|XX000)/;

/**
 * A {@link Failure} that is safe to show: SQLSTATE and, where it can hold no fragment of a statement, the server's message.
 * @param doing what the step was doing, such as `creating roles on server host-1`
 */
export function toFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof pg.DatabaseError) {
    const type = failureTypeOf(error);
    const said = MESSAGE_IS_SAFE.test(error.code ?? '') ? `: ${error.message}` : '';
    return new Failure(type, `PostgreSQL refused ${doing}${said} (SQLSTATE ${error.code ?? 'unknown'})`, {
      details: { sqlstate: error.code ?? '' },
      cause: error,
    });
  }
  // Connection refused, reset, time-outs, TLS: the driver's text names addresses only.
  const reason = error instanceof Error ? reasonOf(error) : 'unknown reason';
  return new Failure('ServerUnavailable', `PostgreSQL did not answer while ${doing}: ${reason}`, { cause: error });
}

/**
 * The failure of work on a server, where it is that the server does not let the control plane in: nothing that a request could
 * change, and nothing that another try would.
 */
export function orLoginRefused(error: unknown, server: string): unknown {
  if (!(error instanceof Failure) || !/^28/.test(String(error.details.sqlstate ?? ''))) return error;
  const message = `server ${server} does not let the control plane in; its credentials are changed with PUT /v1/servers/${server}. ${error.message}`;
  return new Failure('ConfigurationInvalid', message, { cause: error });
}

/** Text of a socket error; an AggregateError (several addresses tried) has none of its own. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((e: Error) => e.message).join('; ');
  return error.message;
}

/** Errors after which the connection is of no more use; what a statement alone got wrong is not among them. */
export function isConnectionError(error: unknown): boolean {
  if (error instanceof Failure) return error.type === 'ServerUnavailable' && error.details.sqlstate === undefined;
  if (!(error instanceof Error) || !('code' in error)) return true;
  return failureTypeOf(error as Error & { code?: string }) === 'ServerUnavailable';
}
