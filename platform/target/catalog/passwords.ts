import type pg from 'pg';
import type { SubmittedPassword } from '../../../domain/access/document.ts';
import { verifierMatches } from '../../scram/verifier.ts';
import { type SessionFacts, sessionFacts } from './cluster.ts';

/** `scram_iterations` is a parameter since 16; before that the server's own hashing always took this many. */
const FIXED_ITERATIONS = 4_096;

/** Iterations of a verifier that the server would make itself. */
export function iterationsOf({ scramIterations }: Pick<SessionFacts, 'scramIterations'>): number {
  return scramIterations ?? FIXED_ITERATIONS;
}

const VERIFIERS_SQL = `
SELECT rolname AS role, rolpassword AS verifier FROM pg_catalog.pg_authid
WHERE rolname = ANY($1::text[]) AND rolpassword IS NOT NULL`;

/** Answer of {@link unchangedPasswords}. */
export interface UnchangedPasswords {
  /** False where the admin role may not read pg_authid: nothing is known then. */
  readable: boolean;
  /** Roles whose stored verifier is what the submitted password would become. */
  unchanged: ReadonlySet<string>;
}

/**
 * Tells which submitted passwords the server has already, so that they are not sent again: each one costs the server one key
 * derivation. A password made with another number of iterations than the server's `scram_iterations` counts as changed, so
 * that raising that setting takes effect. Verifiers do not leave this function.
 * @param known as read before; asked for unless given
 */
export async function unchangedPasswords(
  client: pg.ClientBase,
  submitted: ReadonlyMap<string, SubmittedPassword>,
  known?: SessionFacts,
): Promise<UnchangedPasswords> {
  const facts = known ?? (await sessionFacts(client));
  const readable = facts.readsPasswords;
  if (!readable || submitted.size === 0) return { readable, unchanged: new Set() };
  const stored = await client.query<{ role: string; verifier: string }>(VERIFIERS_SQL, [[...submitted.keys()]]);
  const found = await Promise.all(
    stored.rows.map(async ({ role, verifier }) => {
      const password = submitted.get(role);
      return password !== undefined && (await isSame(password, verifier, iterationsOf(facts))) ? [role] : [];
    }),
  );
  return { readable, unchanged: new Set(found.flat()) };
}

async function isSame(submitted: SubmittedPassword, stored: string, iterations: number): Promise<boolean> {
  if (submitted.kind === 'verifier') return submitted.verifier === stored;
  // Checked first: whoever may set a password by a verifier of his own making chooses how long a comparison takes.
  if (!stored.startsWith(`SCRAM-SHA-256$${iterations}:`)) return false;
  return verifierMatches(submitted.password, stored);
}
