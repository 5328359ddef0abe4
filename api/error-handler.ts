/** Turns everything that can go wrong into an answer of the form that its family has. */
import type { Context, ErrorHandler, NotFoundHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Failure, type FailureType } from '../domain/failures.ts';
import { isMetadataUnavailable } from '../store/metadata-errors.ts';
import { ApiError, type ApiErrorName, endpointErrorResponse, errorResponse, requestIdOf } from './errors.ts';
import { loggedPath } from './logged-path.ts';
import { schemaErrorResponse } from './schema-errors.ts';

/** Where errors that nobody foresaw are written, with the request id that the caller was given. */
export interface ErrorLog {
  error(fields: Record<string, unknown>, message: string): void;
}

const RETRY_AFTER = { 'Retry-After': '5' };

/** Foreseen failures that reach the edge of the API: their messages are made to be shown. */
export const FAILURE_ERRORS: Readonly<Record<FailureType, ApiErrorName>> = {
  StaleTask: 'database_not_modifiable',
  InvalidSpec: 'invalid_input',
  NameConflict: 'invalid_input',
  RoleConflict: 'role_conflict',
  NotAllowed: 'forbidden',
  PreflightFailed: 'invalid_input',
  ScriptFailed: 'invalid_input',
  SqlRefused: 'invalid_input',
  PlanChanged: 'plan_changed',
  DocumentInvalid: 'invalid_input',
  VerificationFailed: 'server_error',
  LoginNotProven: 'server_error',
  InsecureLogin: 'invalid_input',
  TwoPrimaries: 'unavailable',
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
  NotificationRefused: 'invalid_input',
  ReceiverUnavailable: 'unavailable',
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

/** Answers a path that no route has. */
export const answerNotFound: NotFoundHandler = (c) =>
  endpointErrorResponse(c, 'not_found', 'there is no such endpoint');

/** Answers a path that has routes, but none for the method. For hono's `methodNotAllowed`. */
export function answerMethodNotAllowed(c: Context, methods: readonly string[]): Response {
  const allowed = methods.join(', ');
  // The 404 that this answer replaces has left its name, which hono would carry over.
  c.res.headers.delete('goa-error');
  return endpointErrorResponse(c, 'method_not_allowed', `this endpoint takes ${allowed}`, { Allow: allowed });
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
    if (isMetadataUnavailable(err)) {
      log.error({ err, method: c.req.method, path: loggedPath(c.req.path) }, 'the metadata database does not answer');
      return errorResponse(c, 'unavailable', 'the metadata database does not answer; try again', RETRY_AFTER);
    }
    const requestId = requestIdOf(c);
    log.error({ err, requestId, method: c.req.method, path: loggedPath(c.req.path) }, 'request failed');
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
