import { Failure, type FailureDetails } from '../domain/failures.ts';

/** An error as logs show it. */
export interface LoggedError {
  type: string;
  /** Absent where it may hold parts of a statement or document, and with them a secret. */
  message?: string;
  /** SQLSTATE, or a code of Node such as ECONNREFUSED. */
  code?: string;
  severity?: string;
  /** Function in PostgreSQL's source that raised the error. */
  routine?: string;
  details?: FailureDetails;
  /** Frames only: the first line of an error's stack repeats its message. */
  stack?: string[];
  cause?: LoggedError;
  /** What an AggregateError is made of. */
  errors?: LoggedError[];
}

/**
 * Describes an error and its causes for logs. Everything not listed in {@link LoggedError} is left out: `detail`, `hint`,
 * `where` and `internalQuery` of PostgreSQL may quote statements, and errors of HTTP clients carry whole requests.
 */
export function describeError(err: unknown): LoggedError {
  return describe(err, MAX_DEPTH);
}

/**
 * Message of an error, or undefined where it may quote a statement (PostgreSQL, except for the SQLSTATE classes that are
 * about connections, resources and locks) or a document (JSON.parse).
 */
export function safeMessage(err: Error): string | undefined {
  if (err instanceof SyntaxError) {
    return undefined;
  }
  const sqlState = sqlStateOf(err);
  return sqlState === undefined || SAFE_SQLSTATE_CLASSES.has(sqlState.slice(0, 2)) ? err.message : undefined;
}

/** Causes of causes beyond this are cut off; chains of our own are three or four long. */
const MAX_DEPTH = 8;

/** Classes whose messages name objects and limits only: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const SAFE_SQLSTATE_CLASSES = new Set([
  '08', // connection exception
  '25', // invalid transaction state, read-only transaction
  '28', // invalid authorization
  '3D', // invalid catalog name
  '40', // transaction rollback, deadlock
  '53', // insufficient resources
  '55', // object not in prerequisite state, lock not available
  '57', // operator intervention, statement timeout
]);

function describe(err: unknown, depth: number): LoggedError {
  if (!(err instanceof Error)) {
    return { type: typeof err };
  }
  const message = safeMessage(err);
  const nested = depth > 0 ? err : undefined;
  return {
    type: err instanceof Failure ? err.type : err.name,
    ...(message === undefined ? {} : { message }),
    ...factsOf(err),
    ...(err instanceof Failure && Object.keys(err.details).length > 0 ? { details: err.details } : {}),
    ...(err.stack === undefined ? {} : { stack: framesOf(err.stack) }),
    ...(nested?.cause === undefined ? {} : { cause: describe(nested.cause, depth - 1) }),
    ...(nested instanceof AggregateError ? { errors: nested.errors.map((each) => describe(each, depth - 1)) } : {}),
  };
}

/** SQLSTATE of an error that PostgreSQL sent; only those have both a code of five characters and a severity. */
function sqlStateOf(err: Error): string | undefined {
  return 'severity' in err && 'code' in err && typeof err.code === 'string' && /^[0-9A-Z]{5}$/.test(err.code)
    ? err.code
    : undefined;
}

/** Those of the three properties that are there. */
function factsOf(err: Error): { code?: string; severity?: string; routine?: string } {
  const facts = ['code', 'severity', 'routine'].map((name): [string, unknown] => [name, Reflect.get(err, name)]);
  return Object.fromEntries(facts.filter(([, value]) => typeof value === 'string'));
}

function framesOf(stack: string): string[] {
  return stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '));
}
