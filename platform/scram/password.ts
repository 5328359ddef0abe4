import { Failure } from '../../domain/failures.ts';

/**
 * Refuses passwords that some client cannot send or that PostgreSQL would store as something else.
 *
 * CR and LF end a line of a password file, NUL ends a C string, an empty password becomes NULL on the server, and a lone
 * surrogate has no UTF-8 form. The message never quotes the password.
 * @throws Failure InvalidSpec
 */
export function assertPasswordAllowed(password: string): void {
  const fault = PASSWORD_FAULTS.find(({ pattern }) => pattern.test(password));
  if (fault !== undefined) {
    throw new Failure('InvalidSpec', `the password ${fault.message}`);
  }
}

const PASSWORD_FAULTS = [
  { pattern: /^$/, message: 'must not be empty' },
  { pattern: /[\r\n]/, message: 'must not contain line breaks' },
  { pattern: /\0/, message: 'must not contain the character NUL' },
  { pattern: /\p{Surrogate}/u, message: 'must be valid Unicode' },
];
