import { POSTGRES_NAME_MAX_BYTES } from '../identifiers.ts';
import type { UserKind } from './kinds.ts';

/** Hexadecimal digits of the hash: 64 bits. */
const DIGEST_LENGTH = 16;
const LOOKS_HASHED = /_[0-9a-f]{16}$/;

/** Names of a group role. */
export interface GroupNames {
  /** `<database>_<kind>` where that is a plain name of 63 bytes at most, else with a hash. */
  preferred: string;
  /** With a hash, for a server where a role that is not this group has the preferred name. */
  fallback: string;
}

/**
 * The group role of a kind of users in one database. Different databases and kinds have different names, also where a name must be
 * cut, because PostgreSQL would cut it silently, or changed: a group needs no quotes anywhere, whatever the database is called.
 * @param sha256 SHA-256 in hexadecimal digits
 */
export function groupNames(
  of: { database: string; kind: UserKind | 'everyone' },
  sha256: (text: string) => string,
): GroupNames {
  const suffix = `_${of.kind.replaceAll('-', '_')}`;
  const plain = plainName(of.database);
  const hashed = `_${sha256(of.database).slice(0, DIGEST_LENGTH)}${suffix}`;
  const fallback = plain.slice(0, POSTGRES_NAME_MAX_BYTES - hashed.length) + hashed;
  const asItIs = plain === of.database && !LOOKS_HASHED.test(plain);
  const preferred = asItIs && plain.length + suffix.length <= POSTGRES_NAME_MAX_BYTES ? plain + suffix : fallback;
  return { preferred, fallback };
}

/** All ASCII, so that characters are bytes. Names that start with `pg` may be reserved, by PostgreSQL or by us. */
function plainName(database: string): string {
  const plain = database.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
  return /^(?!pg)[a-z_]/.test(plain) ? plain : `db_${plain}`;
}
