/**
 * Privileges as PostgreSQL stores them: one letter each in an `aclitem`, here one bit each in a mask. The order is that of
 * the server's own `ACL_*_CHR` (src/include/utils/acl.h).
 */
export const PRIVILEGES = {
  INSERT: { letter: 'a', bit: 1 << 0 },
  SELECT: { letter: 'r', bit: 1 << 1 },
  UPDATE: { letter: 'w', bit: 1 << 2 },
  DELETE: { letter: 'd', bit: 1 << 3 },
  TRUNCATE: { letter: 'D', bit: 1 << 4 },
  REFERENCES: { letter: 'x', bit: 1 << 5 },
  TRIGGER: { letter: 't', bit: 1 << 6 },
  EXECUTE: { letter: 'X', bit: 1 << 7 },
  USAGE: { letter: 'U', bit: 1 << 8 },
  CREATE: { letter: 'C', bit: 1 << 9 },
  TEMPORARY: { letter: 'T', bit: 1 << 10 },
  CONNECT: { letter: 'c', bit: 1 << 11 },
  SET: { letter: 's', bit: 1 << 12 },
  'ALTER SYSTEM': { letter: 'A', bit: 1 << 13 },
  MAINTAIN: { letter: 'm', bit: 1 << 14 },
} as const satisfies Record<string, { letter: string; bit: number }>;

/** A privilege by the keyword that GRANT takes. */
export type PrivilegeName = keyof typeof PRIVILEGES;

/** Several privileges as bits of {@link PRIVILEGES}. */
export type PrivilegeMask = number;

const NAMES = Object.keys(PRIVILEGES) as PrivilegeName[];
const BIT_OF_LETTER: ReadonlyMap<string, number> = new Map(
  Object.values(PRIVILEGES).map(({ letter, bit }) => [letter, bit]),
);

export function maskOf(names: Iterable<PrivilegeName>): PrivilegeMask {
  let mask = 0;
  for (const name of names) mask |= PRIVILEGES[name].bit;
  return mask;
}

/** Names of the bits that are set, in the order of the table. */
export function namesOf(mask: PrivilegeMask): PrivilegeName[] {
  return NAMES.filter((name) => (mask & PRIVILEGES[name].bit) !== 0);
}

/** Bit of a letter in an `aclitem`; 0 for one that a later server may have. */
export function bitOfLetter(letter: string): number {
  return BIT_OF_LETTER.get(letter) ?? 0;
}

/** True for a keyword of the table. */
export function isPrivilegeName(text: string): text is PrivilegeName {
  return Object.hasOwn(PRIVILEGES, text);
}
