/** Errors of the application, by name. */
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';
import { formatProblems, type Problem } from '../domain/spec/problems.ts';
import { familyOf } from './families.ts';

/** HTTP status by name of the error. */
export const API_ERRORS = {
  invalid_input: 400,
  operation_not_supported: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  already_exists: 409,
  database_already_exists: 409,
  database_not_modifiable: 409,
  operation_already_in_progress: 409,
  cluster_already_initialized: 409,
  idempotency_conflict: 409,
  plan_changed: 409,
  approval_required: 409,
  approval_decided: 409,
  approval_policy_already_exists: 409,
  server_already_exists: 409,
  server_in_use: 409,
  server_in_maintenance: 409,
  host_in_use: 409,
  channel_already_exists: 409,
  channel_disabled: 409,
  account_already_exists: 409,
  last_administrator: 409,
  role_conflict: 409,
  flavors_unavailable: 409,
  lease_not_active: 409,
  lease_not_failed: 409,
  lease_not_renewable: 409,
  template_already_exists: 409,
  team_already_exists: 409,
  team_in_use: 409,
  cluster_already_exists: 409,
  gone: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
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

/** 400 `invalid_input` with one line for each problem. */
export function invalidInput(problems: readonly Problem[]): ApiError {
  return new ApiError('invalid_input', formatProblems(problems));
}

/** An error response, as the family of the path has them. */
export function errorResponse(
  c: Context,
  name: ApiErrorName,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return respond(c, { name, message, ofEndpoint: false }, headers);
}

/** The same where the endpoint itself is missing, or does not take the method. */
export function endpointErrorResponse(
  c: Context,
  name: 'not_found' | 'method_not_allowed',
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return respond(c, { name, message, ofEndpoint: true }, headers);
}

/** The id under which the log has a request; one of its own where nobody has named it. */
export function requestIdOf(c: Context): string {
  const given: unknown = c.get('requestId');
  return typeof given === 'string' ? given : randomUUID();
}

function respond(
  c: Context,
  error: { name: ApiErrorName; message: string; ofEndpoint: boolean },
  headers: Readonly<Record<string, string>>,
): Response {
  c.set('errorName', error.name);
  const status = API_ERRORS[error.name];
  const rendered = familyOf(c.req.path).refusal({ ...error, status, requestId: requestIdOf(c) });
  return c.json(rendered.body, status, { ...rendered.headers, ...headers });
}
