import { POSTGRES_NAME_MAX_BYTES } from '../identifiers.ts';

/** Length in UTF-8, the unit of PostgreSQL's limits. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * Why `text` cannot be part of a name or a line of configuration: control characters forge lines in files and logs,
 * and a lone surrogate has no UTF-8 form, so that the server would store something else.
 */
export function textProblem(text: string): string | undefined {
  if (/\p{Cc}/u.test(text)) return 'must not contain control characters';
  if (/\p{Cs}/u.test(text)) return 'must be valid Unicode text';
  return undefined;
}

/** Why `name` cannot be the name of a role, database or schema. Longer names would be cut by the server without a word. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (byteLength(name) > POSTGRES_NAME_MAX_BYTES) return `must not exceed ${POSTGRES_NAME_MAX_BYTES} bytes`;
  return textProblem(name);
}

/** Why `password` cannot be used: libpq's password file and SCRAM's message end at a line break or NUL. */
export function passwordProblem(password: string): string | undefined {
  if (/[\r\n\0]/.test(password)) return 'must not contain CR, LF or NUL';
  if (/\p{Cs}/u.test(password)) return 'must be valid Unicode text';
  return undefined;
}
