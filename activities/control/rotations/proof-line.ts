import { Failure } from '../../../domain/failures.ts';
import type { LoginProof } from '../../../platform/target/prove-login.ts';

/**
 * What the log says of a login that was tried. What cannot be tried from here (pg_hba.conf) is said and no failure.
 * @throws Failure LoginNotProven, ServerUnavailable
 */
export function proofLine(role: string, where: string, proof: LoginProof): string {
  if (proof.proven) return `login of ${role} proven on ${where}`;
  const { reason, message } = proof;
  if (reason === 'refused' || reason === 'not_permitted') {
    throw new Failure(
      'LoginNotProven',
      `a login of "${role}" with its new password was refused on ${where}: ${message}; see its VALID UNTIL and connection limit, and pg_hba.conf`,
    );
  }
  if (reason === 'unreachable') throw new Failure('ServerUnavailable', `${where} does not answer: ${message}`);
  return `login of ${role} cannot be proven from here on ${where}: ${message}`;
}
