/** Names of the logins of leases. */

/** What a caller may put into the name, so that people know whose it is. */
export const HINT_PATTERN = /^[a-z][a-z0-9_]{0,30}$/;
export const HINT_RULE = 'must begin with a letter and have at most 31 lower-case letters, digits and underscores';

/** Characters of the id that are in the name: those at its end are random, 48 bits. */
const ID_CHARACTERS = 12;

/** Name of the login of a lease: it tells what it is, and nobody else has it. */
export function leaseRoleName(leaseId: string, hint?: string): string {
  const tail = leaseId.replaceAll('-', '').slice(-ID_CHARACTERS);
  return hint === undefined ? `lease_${tail}` : `lease_${hint}_${tail}`;
}

/** Roles that the logins of one server are made by, where that is needed: their number, see docs/leases.md. */
export const ISSUERS = 32;

/** Name of one of them. An installation has its own, so that two on one server do not share any. */
export function issuerName(installationId: string, index: number): string {
  return `pgst_issuer_${installationId.slice(0, 8)}_${index}`;
}
