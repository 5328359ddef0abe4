/** Each base64 text has one spelling: unused bits are zero. PostgreSQL refuses some of the others, and hashes them as passwords. */
const BASE64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?';
/** 32 bytes. */
const KEY = '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=';
const VERIFIER = new RegExp(`^SCRAM-SHA-256\\$([1-9][0-9]{0,9}):(?=[^$])(${BASE64})\\$(${KEY}):(${KEY})$`);

/** MAX_ENCRYPTED_PASSWORD_LEN of PostgreSQL (src/include/libpq/crypt.h). */
const MAX_LENGTH = 512;
/**
 * The server hashes the empty password with as many iterations when a verifier is set (CreateRole and AlterRole in
 * src/backend/commands/user.c), and cannot be interrupted: an unbounded number would keep it busy for hours.
 */
const MAX_ITERATIONS = 1_000_000;

/**
 * Why a text cannot be set as SCRAM verifier, without quoting it. Strict, because the server takes what is no verifier for a
 * password in the clear, and silently hashes it (get_password_type, src/backend/libpq/crypt.c).
 */
export function verifierProblem(text: string): string | undefined {
  const [, iterations] = (text.length <= MAX_LENGTH ? VERIFIER.exec(text) : null) ?? [];
  if (iterations === undefined) {
    return 'must be a SCRAM verifier as PostgreSQL stores it: SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>';
  }
  return Number(iterations) > MAX_ITERATIONS ? `must not ask for more than ${MAX_ITERATIONS} iterations` : undefined;
}
