/** Application errors of the contract: `{name, message}`, and the name again in the header that clients tell them apart by. */
import { randomUUID } from 'node:crypto';
import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Failure, type FailureType } from '../domain/failures.ts';
import { formatProblems, type Problem } from '../domain/spec/problems.ts';
import { schemaErrorResponse } from './schema-errors.ts';

/** HTTP status by name of the error. */
export const API_ERRORS = {
  invalid_input: 400,
  operation_not_supported: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  database_already_exists: 409,
  database_not_modifiable: 409,
  operation_already_in_progress: 409,
  cluster_not_initialized: 409,
  cluster_already_initialized: 409,
  idempotency_conflict: 409,
  payload_too_large: 413,
  too_many_requests: 429,
  server_error: 500,
  unavailable: 503,
} as const;

export type ApiErrorName = keyof typeof API_ERRORS;

/** An error with an answer of its own. The message is shown to the caller. */
export class ApiError extends Error {
  readonly errorName: ApiErrorName;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    errorName: ApiErrorName,
    message: string,
    options: { headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.errorName = errorName;
    this.headers = options.headers ?? {};
  }
}

/** Where errors that nobody foresaw are written, with the request id that the caller was given. */
export interface ErrorLog {
  error(fields: Record<string, unknown>, message: string): void;
}

const RETRY_AFTER = { 'Retry-After': '5' };

/** Foreseen failures that reach the edge of the API: their messages are made to be shown. */
const FAILURE_ERRORS: Readonly<Record<FailureType, ApiErrorName>> = {
  StaleTask: 'database_not_modifiable',
  InvalidSpec: 'invalid_input',
  NameConflict: 'invalid_input',
  NotAllowed: 'forbidden',
  PreflightFailed: 'invalid_input',
  ScriptFailed: 'invalid_input',
  SqlRefused: 'invalid_input',
  ServerUnavailable: 'unavailable',
  Contention: 'unavailable',
  HostUnavailable: 'unavailable',
  EngineUnavailable: 'unavailable',
  ImageUnavailable: 'unavailable',
  PortInUse: 'invalid_input',
  UnsupportedVersion: 'invalid_input',
  ServiceNotReady: 'unavailable',
  JoinRefused: 'forbidden',
  UndoIncomplete: 'unavailable',
  ConfigurationInvalid: 'server_error',
  KeyUnavailable: 'server_error',
  SecretUnreadable: 'server_error',
  Unexpected: 'server_error',
};

/** Names of errors that hono's own middleware raises. */
const STATUS_ERRORS: ReadonlyMap<number, ApiErrorName> = new Map([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [405, 'method_not_allowed'],
  [413, 'payload_too_large'],
  [429, 'too_many_requests'],
  [503, 'unavailable'],
]);

/** 400 `invalid_input` with one line for each problem. */
export function invalidInput(problems: readonly Problem[]): ApiError {
  return new ApiError('invalid_input', formatProblems(problems));
}

/** An error response in the contract's form. */
export function errorResponse(
  c: Context,
  name: ApiErrorName,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return c.json({ name, message }, API_ERRORS[name], { ...headers, 'goa-error': name });
}

/** Answers a path that no route has. */
export const answerNotFound: NotFoundHandler = (c) => errorResponse(c, 'not_found', 'there is no such endpoint');

/** Answers a path that has routes, but none for the method. For hono's `methodNotAllowed`. */
export function answerMethodNotAllowed(c: Context, methods: readonly string[]): Response {
  const allowed = methods.join(', ');
  return errorResponse(c, 'method_not_allowed', `this endpoint takes ${allowed}`, { Allow: allowed });
}

/** Turns whatever a handler throws into an answer. What nobody foresaw is logged under the request id and not shown. */
export function createErrorHandler(log: ErrorLog): ErrorHandler {
  return (err, c) => {
    if (err instanceof ApiError) return errorResponse(c, err.errorName, err.message, err.headers);
    if (err instanceof HTTPException && err.status < 500) return httpExceptionResponse(c, err);
    if (err instanceof Failure && FAILURE_ERRORS[err.type] !== 'server_error') {
      const name = FAILURE_ERRORS[err.type];
      return errorResponse(c, name, err.message, name === 'unavailable' ? RETRY_AFTER : {});
    }
    const given: unknown = c.get('requestId');
    const requestId = typeof given === 'string' ? given : randomUUID();
    log.error({ err, requestId, method: c.req.method, path: c.req.path }, 'request failed');
    return errorResponse(c, 'server_error', `internal error; the log has it under request id ${requestId}`);
  };
}

function httpExceptionResponse(c: Context, err: HTTPException): Response {
  if (err.status === 415) {
    return schemaErrorResponse(c, [{ name: 'unsupported_media_type', message: 'the body must be application/json' }]);
  }
  if (err.status === 400) {
    return schemaErrorResponse(c, [{ name: 'decode_payload', message: 'the body cannot be decoded' }]);
  }
  const name = STATUS_ERRORS.get(err.status) ?? 'invalid_input';
  const challenge = err.res?.headers.get('WWW-Authenticate');
  return errorResponse(
    c,
    name,
    err.message || name.replaceAll('_', ' '),
    challenge ? { 'WWW-Authenticate': challenge } : {},
  );
}
