import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { isScramVerifier, scramVerifier } from '../../../platform/scram/verifier.ts';

/** What is sent for each password that is set. Holds secrets. */
export type PasswordLiterals = ReadonlyMap<string, string>;

/**
 * Makes a verifier of each password, with the server's iteration count; ready-made ones are taken as they are. Side by side: each
 * costs about a millisecond of CPU in Node's thread pool.
 * @param input.plainText send the password itself: only where the server's extensions refuse hashes and an operator allowed it
 */
export async function passwordLiterals(input: {
  passwords: ReadonlyMap<string, SubmittedPassword>;
  roles: Iterable<string>;
  iterations: number;
  plainText: boolean;
}): Promise<PasswordLiterals> {
  const made = await Promise.all(
    [...input.roles].map(async (role) => {
      const submitted = input.passwords.get(role);
      if (submitted === undefined) throw new Error(`no password came for role ${role}`);
      if (submitted.kind === 'verifier') return [role, submitted.verifier] as const;
      if (input.plainText) return [role, submitted.password] as const;
      const verifier = await scramVerifier({ password: submitted.password, iterations: input.iterations });
      // The server takes anything else for a password in the clear, and hashes it silently.
      if (!isScramVerifier(verifier)) throw new Error('a verifier of the wrong form was made');
      return [role, verifier] as const;
    }),
  );
  return new Map(made);
}
