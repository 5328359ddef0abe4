import { describeError } from './log-errors.ts';

/** Property names whose values never reach a log, in whatever case. */
export const SECRET_NAMES: readonly string[] = [
  'password',
  'passwords',
  'newPassword',
  'oldPassword',
  'passphrase',
  'jwt_secret',
  'jwtSecret',
  'secret',
  'secrets',
  'verifier',
  'rolpassword',
  'token',
  'tokens',
  'joinToken',
  'bearerToken',
  'apiKey',
  'api_key',
  'x-api-key',
  'authorization',
  'cookie',
  'set-cookie',
  'plaintext',
  'privateKey',
  'privateJwk',
  // Statements of a specification may set passwords.
  'scripts',
];

/** What stands for a value that is not shown. */
export const REDACTED = '[redacted]';

/**
 * A copy of what is to be logged: without values under {@link SECRET_NAMES}, without bytes, without what lies deep, and
 * with errors described by `describeError`.
 */
export function withoutSecrets(logged: object): Record<string, unknown> {
  return copyOf(logged, MAX_DEPTH);
}

/** Deep enough for our own lines, and an end to what refers to itself. */
const MAX_DEPTH = 5;

const secretNames = new Set(SECRET_NAMES.map((name) => name.toLowerCase()));

function copyOf(value: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      secretNames.has(name.toLowerCase()) ? REDACTED : shown(each, depth - 1),
    ]),
  );
}

function shown(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (value instanceof Error) {
    return describeError(value);
  }
  if (ArrayBuffer.isView(value)) {
    return `[${value.byteLength} bytes]`;
  }
  if ('toJSON' in value) {
    return value;
  }
  if (depth <= 0) {
    return '[…]';
  }
  return Array.isArray(value) ? value.map((each: unknown) => shown(each, depth - 1)) : copyOf(value, depth);
}
