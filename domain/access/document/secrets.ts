import type { Problem } from '../../spec/problems.ts';
import { passwordProblem } from '../../spec/text.ts';
import type { SubmittedPassword } from '../document.ts';
import { verifierProblem } from './verifiers.ts';

/** The submitted members of a role that hold a secret. All else in a document may be stored and shown. */
interface RoleSecrets {
  password?: string | undefined;
  verifier?: string | undefined;
}

/** What is wrong with the password of a role; never quotes it. */
export function* secretProblems({ password, verifier }: RoleSecrets, at: string): Iterable<Problem> {
  if (password !== undefined && verifier !== undefined) {
    yield { path: `${at}.verifier`, message: 'must not be given together with a password' };
  }
  // PostgreSQL takes the empty password for none.
  const ofPassword = password === '' ? 'must not be empty' : password && passwordProblem(password);
  if (ofPassword) yield { path: `${at}.password`, message: ofPassword };
  const ofVerifier = verifier === undefined ? undefined : verifierProblem(verifier);
  if (ofVerifier !== undefined) yield { path: `${at}.verifier`, message: ofVerifier };
}

/** The password of a role, to be kept apart from the document. */
export function submittedPassword({ password, verifier }: RoleSecrets): SubmittedPassword | undefined {
  if (password !== undefined) return { kind: 'password', password };
  return verifier === undefined ? undefined : { kind: 'verifier', verifier };
}

/** The same JSON without passwords and verifiers, for storage. The input is left as it is. */
export function withoutSecrets(submitted: unknown): unknown {
  if (!isObject(submitted) || !Array.isArray(submitted.roles)) return submitted;
  return { ...submitted, roles: submitted.roles.map(publicRole) };
}

function publicRole(role: unknown): unknown {
  if (!isObject(role)) return role;
  const { password: _, verifier: __, ...shown } = role;
  return shown;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
