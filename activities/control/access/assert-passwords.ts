import type pg from 'pg';
import type { PlanStep } from '../../../domain/access/plan.ts';
import { Failure } from '../../../domain/failures.ts';
import { isScramVerifier } from '../../../platform/scram/verifier.ts';
import type { SessionFacts } from '../../../platform/target/catalog/cluster.ts';
import { unchangedPasswords } from '../../../platform/target/catalog/passwords.ts';
import type { PasswordLiterals } from './verifiers.ts';

/**
 * Sees that the server has stored the verifiers that it was sent, byte for byte. Where pg_authid is not readable only a login can
 * prove that.
 * @throws Failure VerificationFailed naming the roles
 */
export async function assertPasswordsStored(
  client: pg.ClientBase,
  steps: readonly PlanStep[],
  literals: PasswordLiterals,
  facts?: SessionFacts,
): Promise<void> {
  const sent = new Map(
    steps
      .flatMap(({ statements }) => statements.flatMap(({ verifierOf }) => verifierOf ?? []))
      .map((role) => [role, literals.get(role) ?? ''] as const)
      .filter(([, literal]) => isScramVerifier(literal))
      .map(([role, verifier]) => [role, { kind: 'verifier' as const, verifier }]),
  );
  if (sent.size === 0) return;
  const { readable, unchanged } = await unchangedPasswords(client, sent, facts);
  if (!readable) return;
  const missing = [...sent.keys()].filter((role) => !unchanged.has(role));
  if (missing.length === 0) return;
  throw new Failure(
    'VerificationFailed',
    `the server did not store the password of ${missing.join(', ')} as it was sent`,
  );
}
